"""Engines by name; a runtime is imported when its engine is asked for."""

from __future__ import annotations

from tiernas.engines.engine import Engine
from tiernas.errors import UsageError


def engine_names() -> tuple[str, ...]:
    """Names that `get_engine` knows, whether the runtime is installed or not."""
    return ("openvino", "onnxruntime", "torch", "torch-compile", "tensorrt", "tensorrt-rtx")


def get_engine(name: str, *, precision: str = "fp32", batch: int = 1, threads: int = 1) -> Engine:
    """The engine of a name.

    Args:
        name: One of `engine_names()`.
        precision: One of the engine's `precisions()`.
        batch: Images per inference.
        threads: Threads of one inference.

    Raises:
        UsageError: There is no such engine, it cannot run the precision here, or batch or threads are out of range.
        NotInstalledError: The runtime is not installed.
    """
    match name:
        case "openvino":
            from tiernas.engines.openvino import OpenVinoEngine

            return OpenVinoEngine(precision, batch, threads)
        case "onnxruntime":
            from tiernas.engines.onnxruntime import OnnxRuntimeEngine

            return OnnxRuntimeEngine(precision, batch, threads)
        case "torch":
            from tiernas.engines.torch import TorchEngine

            return TorchEngine(precision, batch, threads)
        case "torch-compile":
            from tiernas.engines.torch import TorchCompileEngine

            return TorchCompileEngine(precision, batch, threads)
        case "tensorrt":
            from tiernas.engines.tensorrt import TensorRtEngine

            return TensorRtEngine(precision, batch, threads)
        case "tensorrt-rtx":
            from tiernas.engines.tensorrt import TensorRtRtxEngine

            return TensorRtRtxEngine(precision, batch, threads)
        case _:
            raise UsageError(f"no engine {name!r}; there are: {', '.join(engine_names())}")
