"""The engine `openvino`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tiernas.engines.calibration import FloatArray, calibration_images
from tiernas.engines.engine import CompiledNetwork, Engine, NodeTime
from tiernas.engines.fingerprint import Fingerprint
from tiernas.engines.input_shape import fixed_shape
from tiernas.engines.saved import STEM, SavedNetwork, loader_of
from tiernas.errors import NotInstalledError, UsageError, last_line

try:
    import openvino
except ImportError as error:
    raise NotInstalledError("OpenVINO", "openvino") from error

from tiernas.engines.openvino.int8 import quantize, quantizer
from tiernas.engines.openvino.profile import profile

_NOISE = ("Exception from", "Check '", "FrontEnd API", "Model wasn't", "Summary:")
"""Beginnings of lines of OpenVINO's errors that do not help a user: its source files, and headings."""


class OpenVinoEngine(Engine):
    """OpenVINO's CPU plugin, one stream, tuned for latency.

    Threads are not pinned: a pinned thread waits while another process uses its core.
    """

    name: ClassVar[str] = "openvino"

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        bf16 = ("bf16",) if "BF16" in capabilities else ()
        return ("fp32", *bf16, "int8")

    def fingerprint(self) -> Fingerprint:
        options = self._options()
        del options["INFERENCE_NUM_THREADS"]
        return self.cpu_fingerprint(openvino.__version__.partition("-")[0], options=options, quantizer=quantizer())

    def load(self, path: Path) -> OpenVinoNetwork:
        model = _convert(path)
        fixed_shape(path, _sizes(model))
        return OpenVinoNetwork(model, self._options(), self.fingerprint())

    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> OpenVinoNetwork:
        return OpenVinoNetwork(self._converted(onnx_path, calibration), self._options(), self.fingerprint())

    def quantize(
        self, onnx_path: Path, folder: Path, flags: Sequence[str], calibration: FloatArray | None = None
    ) -> tuple[str, ...]:
        return _save(self._converted(onnx_path, calibration), folder)

    @classmethod
    def saved(cls, files: Sequence[str], fingerprint: Fingerprint) -> SavedNetwork:
        return _saved(files, _options(fingerprint.precision, fingerprint.threads), fingerprint)

    def _converted(self, onnx_path: Path, calibration: FloatArray | None) -> openvino.Model:
        """The network in this precision; bf16 is a property with which it is compiled."""
        from tiernas.engines.onnx_file import read_network  # imports onnx, which `load` does without

        network = read_network(onnx_path, self.batch)
        model = _convert(onnx_path)
        if self.precision == "int8":
            images = calibration_images(calibration, network.input_shape)
            model = quantize(model, images, self.batch)
        return model

    def _options(self) -> dict[str, Any]:
        return _options(self.precision, self.threads)


class OpenVinoNetwork(CompiledNetwork):
    """A network compiled by OpenVINO.

    Args:
        model: The network.
        options: Properties of the CPU plugin.
        fingerprint: What it runs on.

    Raises:
        UsageError: The CPU plugin cannot compile it.
    """

    def __init__(self, model: openvino.Model, options: dict[str, Any], fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        batch, channels, height, width = model.input().shape
        self.input_shape = (batch, channels, height, width)
        self._model = model
        self._options = options
        self._request = _request(model, options)

    def run(self, images: FloatArray) -> FloatArray:
        self.require_shape(images)
        return np.array(self._request.infer([images.astype(np.float32, copy=False)])[0], dtype=np.float32)

    def infer(self) -> None:
        self._request.infer(share_inputs=True, share_outputs=True)

    def reload(self) -> None:
        self._request = _request(self._model, self._options)

    def profile(self) -> Sequence[NodeTime]:
        begin = time.perf_counter()
        self.infer()
        run_ms = 1e3 * (time.perf_counter() - begin)
        return profile(run_ms, lambda: _request(self._model, {**self._options, "PERF_COUNT": True}))

    def save(self, folder: Path) -> SavedNetwork:
        """Writes the IR: `network.xml` and `network.bin`; in int8 it contains FakeQuantize nodes."""
        return _saved(_save(self._model, folder), self._options, self.fingerprint)

    def close(self) -> None:
        del self._request, self._model


def _options(precision: str, threads: int) -> dict[str, Any]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "ENABLE_CPU_PINNING": False,
    }


def _save(model: openvino.Model, folder: Path) -> tuple[str, ...]:
    openvino.save_model(model, folder / f"{STEM}.xml", compress_to_fp16=False)
    return f"{STEM}.xml", f"{STEM}.bin"


def _saved(files: Sequence[str], properties: dict[str, Any], fingerprint: Fingerprint) -> SavedNetwork:
    return SavedNetwork(
        files=tuple(files),
        options={"device": "CPU", "properties": properties},
        loader=loader_of("openvino"),
        requirements=(f"openvino=={fingerprint.engine_version}",),
    )


def _convert(onnx_path: Path) -> openvino.Model:
    try:
        return openvino.Core().read_model(onnx_path)
    except RuntimeError as error:
        raise UsageError(f"{onnx_path}: OpenVINO cannot read it as a network: {_reason(error)}") from error


def _sizes(model: openvino.Model) -> list[int | None]:
    """The sizes of a network's first input; None for those that are not fixed."""
    shape = model.inputs[0].get_partial_shape() if model.inputs else None
    if shape is None or not shape.rank.is_static:
        return []
    return [size.get_length() if size.is_static else None for size in shape]


def _request(model: openvino.Model, options: dict[str, Any]) -> openvino.InferRequest:
    """A compiled network with an input of random images."""
    try:
        request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
    except RuntimeError as error:
        raise UsageError(f"OpenVINO cannot compile {model.get_friendly_name()}: {_reason(error)}") from error
    images = request.get_input_tensor()
    images.data[:] = np.random.default_rng(0).standard_normal(images.shape, dtype=np.float32)
    return request


def _reason(error: Exception) -> str:
    """The message of OpenVINO, without its own source files and lines."""
    lines = [line.strip() for line in str(error).splitlines()]
    helpful = [line for line in lines if line and not line.startswith(_NOISE)]
    return " ".join(helpful[:3]) or last_line(error)
