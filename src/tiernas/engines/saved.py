"""A compiled network as files, so that exactly what was measured is deployed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tiernas.engines.calibration import FloatArray

STEM = "network"
"""Stem of the names of the files that an engine saves."""


@dataclass(frozen=True)
class SavedNetwork:
    """The files that an engine wrote into a folder, and how to run them without tiernas.

    Attributes:
        files: Names of the files, all of them `network.SUFFIX`; the loader takes the first one.
        options: Options of the loader, serializable as JSON: all settings of the runtime that results or latencies
            depend on.
        loader: A Python file that imports the runtime and NumPy but nothing of tiernas, with a function
            `load(path, options)` that returns a function from images (NCHW, float32, normalized) to logits.
        requirements: Packages that pip must install for it, such as `openvino==2026.4.1`.
    """

    files: tuple[str, ...]
    options: Mapping[str, Any]
    loader: Path
    requirements: tuple[str, ...]

    def load(self, folder: Path) -> Callable[[FloatArray], FloatArray]:
        """The network, opened by its loader in the folder to which it was saved."""
        run: Callable[[FloatArray], FloatArray] = load_file(self.loader).load(folder / self.files[0], self.options)
        return run


def loader_of(name: str) -> Path:
    """The file of a built-in loader."""
    found = importlib.util.find_spec(f"tiernas.standalone.loaders.{name}")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin)


def load_file(path: Path) -> ModuleType:
    """Imports a Python file from anywhere as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
