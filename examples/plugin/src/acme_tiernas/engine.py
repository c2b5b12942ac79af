"""The engine `acme-camera`: ONNX Runtime as Acme's cameras run it, with little memory and in fp32.

This is a complete engine. One that only sets other options of a runtime than tiernas does is shorter: for example a
subclass of `tiernas.engines.openvino.OpenVinoEngine` with its own `name` and options.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime
from scipy.stats import trim_mean

from acme_tiernas import loader
from tiernas.engines import CompiledNetwork, Engine, Fingerprint, NodeTime, SavedNetwork
from tiernas.engines.calibration import FloatArray
from tiernas.engines.onnx_file import OnnxNetwork, read_network
from tiernas.engines.saved import STEM
from tiernas.errors import UsageError, last_line

OPTIONS = {"optimizations": "ORT_ENABLE_EXTENDED", "arena": False}

PROFILE_S = 0.15
FEWEST_RUNS, MOST_RUNS = 4, 200
OUTLIERS = 0.25
"""Duration of a profile, its number of runs, and the fraction of a node's times that is trimmed at either end."""


class CameraEngine(Engine):
    """ONNX Runtime on the CPU without a memory arena, and without optimizations that change the layout of maps."""

    name: ClassVar[str] = "acme-camera"

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return ("fp32",)

    def fingerprint(self) -> Fingerprint:
        return self.cpu_fingerprint(onnxruntime.__version__, options=OPTIONS)

    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> CameraNetwork:
        """Calibration images are only for int8, which this engine does not run."""
        return CameraNetwork(read_network(onnx_path, self.batch), self.fingerprint())


class CameraNetwork(CompiledNetwork):
    """A network in a session.

    Args:
        network: The network as read from its file.
        fingerprint: The device and engine it runs on.

    Raises:
        UsageError: ONNX Runtime cannot run it.
    """

    def __init__(self, network: OnnxNetwork, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.input_shape = network.input_shape
        self._network = network
        self._model: bytes = network.model.SerializeToString()
        self._options: dict[str, Any] = {"threads": fingerprint.threads, **OPTIONS}
        self.reload()

    def run(self, images: FloatArray) -> FloatArray:
        self.require_shape(images)
        feed = {self._network.input_name: images.astype(np.float32, copy=False)}
        return np.array(self._session.run(None, feed)[0], dtype=np.float32)

    def infer(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def reload(self) -> None:
        self._session = self._opened()
        self._binding = self._session.io_binding()
        self._binding.bind_ortvalue_input(
            self._network.input_name, onnxruntime.OrtValue.ortvalue_from_numpy(self._noise())
        )
        logits = self._session.get_outputs()[0].name
        self._binding.bind_output(logits)
        self.infer()
        self._binding.bind_ortvalue_output(logits, self._binding.get_outputs()[0])

    def profile(self) -> Sequence[NodeTime]:
        feed = {self._network.input_name: self._noise()}
        with tempfile.TemporaryDirectory() as folder:
            session = self._opened(Path(folder) / "profile")
            runs, end = 0, time.perf_counter() + PROFILE_S
            while runs < FEWEST_RUNS or (runs < MOST_RUNS and time.perf_counter() < end):
                session.run(None, feed)
                runs += 1
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        times_us: dict[str, list[float]] = defaultdict(list)
        for event in events:
            if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
                times_us[event["name"].removesuffix("_kernel_time")].append(event["dur"])
        return [NodeTime(name, float(trim_mean(times, OUTLIERS)) / 1e3) for name, times in times_us.items()]

    def save(self, folder: Path) -> SavedNetwork:
        """Writes `network.onnx`; `loader.py` of this package opens it."""
        (folder / f"{STEM}.onnx").write_bytes(self._model)
        return SavedNetwork(
            files=(f"{STEM}.onnx",),
            options=self._options,
            loader=Path(loader.__file__),
            requirements=(f"onnxruntime=={onnxruntime.__version__}",),
        )

    def close(self) -> None:
        del self._binding, self._session, self._model

    def _opened(self, profile_to: Path | None = None) -> onnxruntime.InferenceSession:
        try:
            return loader.open_session(self._model, self._options, profile_to)
        except Exception as error:  # those of ONNX Runtime have no common base class
            raise UsageError(
                f"{self._network.path}: {self.fingerprint.engine} cannot run it: {last_line(error)}"
            ) from error

    def _noise(self) -> FloatArray:
        return np.random.default_rng(0).standard_normal(self.input_shape, dtype=np.float32)
