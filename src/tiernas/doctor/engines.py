"""Which engines work here, found out by trying each."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from tiernas.doctor.tiny_network import NUM_CLASSES, write_tiny_network
from tiernas.engines import Device, Engine, engine_names, get_engine
from tiernas.errors import NotInstalledError, TiernasError, last_line

SLOW_ENGINES = ("torch-compile",)
"""Engines that take about a minute and a C++ compiler to compile a network; tried only on request."""


class Status(StrEnum):
    """The result of trying an engine."""

    WORKS = "works"
    FAILS = "fails"
    NOT_INSTALLED = "not installed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class EngineTrial:
    """The trial of one engine and precision.

    Attributes:
        engine: Name of the engine.
        precision: The precision; None if the engine is not installed.
        status: The result.
        detail: What to do about it, or what went wrong; empty if it works.
        version: Version of the runtime; None if unknown.
        device: The device that it runs on; None if unknown.
        seconds: Time to compile and run a tiny network; None if that did not happen.
    """

    engine: str
    precision: str | None
    status: Status
    detail: str = ""
    version: str | None = None
    device: str | None = None
    seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The trial, serializable as JSON."""
        return asdict(self) | {"status": str(self.status)}


def try_engines(*, slow: bool = False, device: Device | None = None) -> Iterator[EngineTrial]:
    """Compiles and runs a tiny network on every engine, in every precision that it claims to support.

    Args:
        slow: Whether to try also `SLOW_ENGINES`.
        device: Where they run; None for this machine.

    Yields:
        One trial per engine and precision, as soon as it is finished; it contains any error.
    """
    with tempfile.TemporaryDirectory(prefix="tiernas-doctor-") as folder:
        path = Path(folder) / "tiny.onnx"
        write_tiny_network(path)
        for name in device.engine_names() if device else engine_names():
            yield from _try_engine(name, path, slow, device)


def try_engine(name: str, precision: str) -> EngineTrial:
    """Compiles and runs a tiny network on an engine of this machine in one precision."""
    with tempfile.TemporaryDirectory(prefix="tiernas-doctor-") as folder:
        path = Path(folder) / "tiny.onnx"
        write_tiny_network(path)
        return _try_precision(name, precision, path, None)


def _try_engine(name: str, path: Path, slow: bool, device: Device | None) -> Iterator[EngineTrial]:
    try:
        precisions = type(get_engine(name, device=device)).precisions()
    except NotInstalledError as error:
        yield EngineTrial(name, None, Status.NOT_INSTALLED, str(error))
        return
    except Exception as error:  # a broken runtime may raise anything on import
        yield EngineTrial(name, None, Status.FAILS, _reason(error))
        return
    for precision in precisions:
        if name in SLOW_ENGINES and not slow:
            yield EngineTrial(
                name, precision, Status.NOT_TRIED, "takes about a minute to compile; try it with: tiernas doctor --all"
            )
        else:
            yield _try_precision(name, precision, path, device)


def _try_precision(name: str, precision: str, path: Path, device: Device | None) -> EngineTrial:
    version = runs_on = None
    begin = time.perf_counter()
    try:
        engine = get_engine(name, precision=precision, device=device)
        fingerprint = engine.fingerprint()
        version, runs_on = fingerprint.engine_version, fingerprint.device
        _compile_and_run(engine, path)
    except NotInstalledError as error:
        return EngineTrial(name, precision, Status.NOT_INSTALLED, str(error), version, runs_on)
    except Exception as error:  # a runtime may raise anything on an unsuitable machine
        return EngineTrial(name, precision, Status.FAILS, _reason(error), version, runs_on)
    return EngineTrial(name, precision, Status.WORKS, "", version, runs_on, time.perf_counter() - begin)


def _compile_and_run(engine: Engine, path: Path) -> None:
    with engine.compile(path) as network:
        logits = network.run(np.zeros(network.input_shape, dtype=np.float32))
    if logits.shape != (1, NUM_CLASSES) or not np.isfinite(logits).all():
        raise TiernasError(f"returns logits of shape {logits.shape}, {np.isfinite(logits).mean():.0%} of them finite")


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, TiernasError) else f"{type(error).__name__}: {last_line(error)}"
