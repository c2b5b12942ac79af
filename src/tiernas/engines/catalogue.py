"""Engines by name; a runtime is imported when its engine is requested."""

from __future__ import annotations

from functools import partial
from typing import cast

from tiernas.engines.device import Device
from tiernas.engines.engine import Engine
from tiernas.plugins import Kind, call, require_class_of

_MEMBERS = ("name", "precisions", "fingerprint", "compile", "more_exact")

ENGINES: Kind[type[Engine]] = Kind(
    "engine",
    "engine.name",
    "tiernas.engines",
    {
        "openvino": "tiernas.engines.openvino.engine:OpenVinoEngine",
        "onnxruntime": "tiernas.engines.onnxruntime.engine:OnnxRuntimeEngine",
        "ncnn": "tiernas.engines.ncnn.engine:NcnnEngine",
        "torch": "tiernas.engines.torch:TorchEngine",
        "torch-compile": "tiernas.engines.torch:TorchCompileEngine",
        "tensorrt": "tiernas.engines.tensorrt.engine:TensorRtEngine",
        "tensorrt-rtx": "tiernas.engines.tensorrt.engine:TensorRtRtxEngine",
    },
    partial(require_class_of, base=Engine, noun="an engine", members=_MEMBERS),
    named=True,
)


def engine_names() -> tuple[str, ...]:
    """Names that `get_engine` accepts, even if the runtime is not installed; those of installed packages last."""
    return ENGINES.names()


def get_engine(
    name: str | type[Engine],
    *,
    precision: str = "fp32",
    batch: int = 1,
    threads: int = 1,
    device: Device | None = None,
) -> Engine:
    """The engine of a name.

    Args:
        name: One of `engine_names()`, `package.module:Class`, or an engine class.
        precision: One of the engine's `precisions()`.
        batch: Images per inference.
        threads: Threads of one inference.
        device: The machine on which its networks run; None for this one.

    Raises:
        UsageError: There is no such engine, it cannot run the precision there, or batch or threads are out of range.
        NotInstalledError: The runtime is not installed.
    """
    engine = ENGINES.load(name) if device is None else device.engine(name if isinstance(name, str) else name.name)
    if engine.__module__.startswith("tiernas."):
        return engine(precision, batch, threads)
    return cast(Engine, call(engine, precision, batch, threads, what=f"engine {engine.name!r}"))
