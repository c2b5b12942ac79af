"""A compiled network as files: what is deployed is what was measured."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tiernas.engines.calibration import FloatArray

STEM = "network"
"""How the names of the files begin that an engine saves."""


@dataclass(frozen=True, slots=True)
class SavedNetwork:
    """What an engine wrote into a folder, and how it is run without tiernas.

    Attributes:
        files: Names of the files, all of them `network.SUFFIX`; the first is the one that the runner loads.
        options: What the runner is told, as JSON can hold it: all settings of the runtime that a result or a latency
            depends on.
        runner: A Python file that imports the runtime and numpy and nothing of tiernas, with a function
            `load(path, options)` that returns a function of images (NCHW, float32, normalised) to logits.
        requirements: What pip must install for it, such as `openvino==2026.4.1`.
    """

    files: tuple[str, ...]
    options: Mapping[str, Any]
    runner: Path
    requirements: tuple[str, ...]

    def load(self, folder: Path) -> Callable[[FloatArray], FloatArray]:
        """The network as its runner loads it from the folder that it was saved to."""
        run: Callable[[FloatArray], FloatArray] = load_file(self.runner).load(folder / self.files[0], self.options)
        return run


def runner_of(name: str) -> Path:
    """The file of one of the runners that come with tiernas."""
    found = importlib.util.find_spec(f"tiernas.standalone.runners.{name}")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin)


def load_file(path: Path) -> ModuleType:
    """A Python file as a module, wherever it lies."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
