"""The engine `onnxruntime`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tiernas.engines.calibration import FloatArray, calibration_images
from tiernas.engines.engine import CompiledNetwork, Engine, NodeTime
from tiernas.engines.fingerprint import Fingerprint, cpu_flags
from tiernas.engines.input_shape import fixed_shape
from tiernas.engines.onnxruntime.profile import profile
from tiernas.engines.onnxruntime.quantizer import QUANTIZER, saturates
from tiernas.engines.onnxruntime.session import OPTIONS, VERSION, bound, open_session, options_with
from tiernas.engines.saved import STEM, SavedNetwork, loader_of

if TYPE_CHECKING:
    import onnx

_FILE = f"{STEM}.onnx"


class OnnxRuntimeEngine(Engine):
    """ONNX Runtime's CPU provider with all graph optimizations and sequential execution of nodes."""

    name: ClassVar[str] = "onnxruntime"

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return ("fp32", "int8")

    def fingerprint(self) -> Fingerprint:
        reduced = {"reduce_range": saturates(cpu_flags())} if self.precision == "int8" else {}
        return self.cpu_fingerprint(VERSION, options={**OPTIONS, **reduced}, quantizer=QUANTIZER)

    def load(self, path: Path) -> OnnxRuntimeNetwork:
        return OnnxRuntimeNetwork(path.read_bytes(), path, self.fingerprint())

    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> OnnxRuntimeNetwork:
        from tiernas.engines.onnx_file import read_network  # imports onnx, which `load` does without

        if self.precision == "int8":
            model = self._quantized(onnx_path, cpu_flags(), calibration)
        else:
            model = read_network(onnx_path, self.batch).model
        return OnnxRuntimeNetwork(model.SerializeToString(), onnx_path, self.fingerprint())

    def quantize(
        self, onnx_path: Path, folder: Path, flags: Sequence[str], calibration: FloatArray | None = None
    ) -> tuple[str, ...]:
        (folder / _FILE).write_bytes(self._quantized(onnx_path, flags, calibration).SerializeToString())
        return (_FILE,)

    @classmethod
    def saved(cls, files: Sequence[str], fingerprint: Fingerprint) -> SavedNetwork:
        return SavedNetwork(
            files=tuple(files),
            options=options_with(fingerprint.threads),
            loader=loader_of("onnxruntime"),
            requirements=(f"onnxruntime=={fingerprint.engine_version}",),
        )

    def _quantized(self, onnx_path: Path, flags: Sequence[str], calibration: FloatArray | None) -> onnx.ModelProto:
        """The network in int8 for a CPU with these flags."""
        from tiernas.engines.onnx_file import read_network
        from tiernas.engines.onnxruntime.int8 import quantize

        network = read_network(onnx_path, self.batch)
        images = calibration_images(calibration, network.input_shape)
        return quantize(network, images, reduce_range=saturates(flags))


class OnnxRuntimeNetwork(CompiledNetwork):
    """A network in an ONNX Runtime session.

    Args:
        model: The network in its precision, serialized.
        path: The file that it was read from, for messages.
        fingerprint: What it runs on.

    Raises:
        UsageError: ONNX Runtime cannot run it, or its shape is not fixed.
    """

    def __init__(self, model: bytes, path: Path, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self._model = model
        self._path = path
        self._session = open_session(model, path, threads=fingerprint.threads)
        images = self._session.get_inputs()[0]
        self.input_shape = fixed_shape(path, images.shape)
        self._input_name = images.name
        self._binding = bound(self._session)

    def run(self, images: FloatArray) -> FloatArray:
        self.require_shape(images)
        feed = {self._input_name: images.astype(np.float32, copy=False)}
        return np.array(self._session.run(None, feed)[0], dtype=np.float32)

    def infer(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def reload(self) -> None:
        self._session = open_session(self._model, self._path, threads=self.fingerprint.threads)
        self._binding = bound(self._session)

    def profile(self) -> Sequence[NodeTime]:
        return profile(self._model, self._path, self.fingerprint.threads)

    def save(self, folder: Path) -> SavedNetwork:
        """Writes the session's network, in int8 with its Q/DQ pairs: `network.onnx`."""
        (folder / _FILE).write_bytes(self._model)
        return OnnxRuntimeEngine.saved((_FILE,), self.fingerprint)

    def close(self) -> None:
        del self._binding, self._session, self._model
