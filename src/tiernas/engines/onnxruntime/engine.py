"""The engine `onnxruntime`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from tiernas.engines.calibration import FloatArray, calibration_images
from tiernas.engines.engine import CompiledNetwork, Engine, NodeTime
from tiernas.engines.fingerprint import Fingerprint
from tiernas.engines.onnx_file import OnnxNetwork, read_network
from tiernas.engines.onnxruntime.int8 import quantize, saturates
from tiernas.engines.onnxruntime.profile import profile
from tiernas.engines.onnxruntime.qdq import QUANTIZER
from tiernas.engines.onnxruntime.session import OPTIONS, VERSION, bound, open_session, options_with
from tiernas.engines.saved import STEM, SavedNetwork, runner_of


class OnnxRuntimeEngine(Engine):
    """ONNX Runtime's CPU provider with all graph optimizations and sequential execution of nodes."""

    name: ClassVar[str] = "onnxruntime"

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return ("fp32", "int8")

    def fingerprint(self) -> Fingerprint:
        reduced = {"reduce_range": saturates()} if self.precision == "int8" else {}
        return self.cpu_fingerprint(VERSION, options=OPTIONS | reduced, quantizer=QUANTIZER)

    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> OnnxRuntimeNetwork:
        network = read_network(onnx_path, self.batch)
        model = network.model
        if self.precision == "int8":
            images = calibration_images(calibration, network.input_shape)
            model = quantize(network, images, reduce_range=saturates())
        return OnnxRuntimeNetwork(model.SerializeToString(), network, self.fingerprint())


class OnnxRuntimeNetwork(CompiledNetwork):
    """A network in an ONNX Runtime session.

    Args:
        model: The network in its precision, serialized.
        network: The network as read from the file.
        fingerprint: What it runs on.

    Raises:
        UsageError: ONNX Runtime cannot run it.
    """

    def __init__(self, model: bytes, network: OnnxNetwork, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.input_shape = network.input_shape
        self._model = model
        self._network = network
        self.reload()

    def run(self, images: FloatArray) -> FloatArray:
        self.require_shape(images)
        feed = {self._network.input_name: images.astype(np.float32, copy=False)}
        return np.array(self._session.run(None, feed)[0], dtype=np.float32)

    def infer(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def reload(self) -> None:
        self._session = open_session(self._model, self._network.path, threads=self.fingerprint.threads)
        self._binding = bound(self._session)

    def profile(self) -> Sequence[NodeTime]:
        return profile(self._model, self._network.path, self.fingerprint.threads)

    def save(self, folder: Path) -> SavedNetwork:
        """Writes the session's network, in int8 with its Q/DQ pairs: `network.onnx`."""
        (folder / f"{STEM}.onnx").write_bytes(self._model)
        return SavedNetwork(
            files=(f"{STEM}.onnx",),
            options=options_with(self.fingerprint.threads),
            runner=runner_of("onnxruntime"),
            requirements=(f"onnxruntime=={self.fingerprint.engine_version}",),
        )

    def close(self) -> None:
        del self._binding, self._session, self._model
