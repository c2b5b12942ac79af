"""Networks as a device takes them: in their precision, as files that need no others."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from tiernas.engines import Engine, get_engine
from tiernas.engines.calibration import FloatArray
from tiernas.engines.saved import STEM
from tiernas.runner.runtimes import RUNTIMES

_QUANTIZED = "int8"
"""The precision in which a network is prepared here; for others the runtime there converts the weights it loads."""


def prepare(
    name: str,
    precision: str,
    batch: int,
    flags: Sequence[str],
    onnx_path: Path,
    folder: Path,
    calibration: FloatArray | None = None,
) -> tuple[str, ...]:
    """Writes a network for an engine on a device.

    Args:
        name: Name of the engine.
        precision: Its precision.
        batch: Images per inference.
        flags: CPU flags of the device.
        onnx_path: The network, as in `Engine.compile`.
        folder: An empty folder.
        calibration: Images, as in `Engine.compile`.

    Returns:
        Names of the files; `Engine.load` takes the first one.

    Raises:
        UsageError: As in `Engine.compile`.
        NotInstalledError: What quantizes or converts networks is not installed here.
    """
    if (converter := _converter(name)) is not None:
        files: tuple[str, ...] = converter.convert(onnx_path, batch, folder)
        return files
    if precision == _QUANTIZED:
        return _quantizing(name, batch).quantize(onnx_path, folder, flags, calibration)
    from tiernas.engines.onnx_file import read_network  # slow to import, and not needed to reach a device

    file = f"{STEM}.onnx"
    (folder / file).write_bytes(read_network(onnx_path, batch).model.SerializeToString())  # with weights beside it
    return (file,)


def quantizer_of(name: str, precision: str, batch: int) -> str | None:
    """Name and version of what quantizes or converts networks here; None if the runtime there needs neither."""
    if (converter := _converter(name)) is not None:
        found: str | None = converter.converter()
        return found
    return _quantizing(name, batch).fingerprint().quantizer if precision == _QUANTIZED else None


def _converter(name: str) -> ModuleType | None:
    """What converts networks for an engine whose runtime does not read ONNX files."""
    runtime = RUNTIMES.get(name)
    return importlib.import_module(runtime.converter) if runtime and runtime.converter else None


def _quantizing(name: str, batch: int) -> Engine:
    """The engine here that quantizes networks for those elsewhere."""
    return get_engine(name, precision=_QUANTIZED, batch=batch)
