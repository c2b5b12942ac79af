"""Engines by name; a runtime is imported when its engine is asked for."""

from __future__ import annotations

from tiernas.engines.engine import Engine
from tiernas.errors import UsageError


def engine_names() -> tuple[str, ...]:
    """Names that `get_engine` knows, whether the runtime is installed or not."""
    return ("openvino",)


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
        case _:
            raise UsageError(f"no engine {name!r}; there are: {', '.join(engine_names())}")
