"""A package with one plug-in of each kind."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.packages import write_package

SPACE = """
    from tiernas.spaces import ConvNetSpace, StageRange

    STAGE = StageRange(filters=(8, 16, 8), layers=(1, 2), expansion=(2, 3))
    SPACE = ConvNetSpace(
        "acme", resolution=(16, 32), stem_filters=(8, 16), stem_layers=(1, 2), stages=(STAGE,) * 6,
        head_filters=32, num_classes=10,
    )
"""

ENGINE = """
    from tiernas.engines.openvino import OpenVinoEngine

    class Engine(OpenVinoEngine):
        name = "acme"
"""

OPTIMIZER = """
    from tiernas.search import RandomSearch

    class Optimizer(RandomSearch):
        def __init__(self, levels, *, patience: int = 1, **problem):
            super().__init__(levels, **problem)
            if patience < 1:
                raise ValueError(f"patience = {patience}: must be at least 1")
"""

DATA = """
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits
    from tiernas.training.sources import Part, Source

    def open_digits(classes: int = 10) -> Source:
        digits = load_digits(n_class=classes)
        images = (digits.images * 15).astype(np.uint8)
        names = [f"digit {i}" for i in range(len(images))]
        part = Part(digits.target, names, lambda i: Image.fromarray(images[i]))
        return Source(tuple(map(str, range(classes))), part, flip_safe=False)
"""

TEACHER = """
    import torch

    class Mean(torch.nn.Module):
        def __init__(self, num_classes: int) -> None:
            super().__init__()
            self.mean = torch.nn.Parameter(torch.zeros(num_classes))

        def forward(self, images):
            return self.mean + images.mean(dim=(1, 2, 3))[:, None] * torch.arange(len(self.mean))

    def make(num_classes: int, *, strength: float) -> torch.nn.Module:
        return Mean(num_classes)
"""

MODULES = {"spaces": SPACE, "engines": ENGINE, "optimizers": OPTIMIZER, "data": DATA, "teachers": TEACHER}

OFFERED = {
    "tiernas.spaces": {"acme": "acme.spaces:SPACE"},
    "tiernas.engines": {"acme": "acme.engines:Engine"},
    "tiernas.optimizers": {"patient": "acme.optimizers:Optimizer"},
    "tiernas.data": {"acme-digits": "acme.data:open_digits"},
    "tiernas.teachers": {"mean": "acme.teachers:make"},
}


def install_acme(folder: Path, version: str = "1.0", **changed: str) -> None:
    """Writes the package, with other code in some of its modules; what is installed of it goes."""
    for metadata in folder.glob("acme-*.dist-info"):
        shutil.rmtree(metadata)
    write_package(folder, "acme", MODULES | changed, entry_points=OFFERED, version=version)


def forget(name: str) -> None:
    """Makes Python import a package anew."""
    for module in [module for module in sys.modules if f"{module}.".startswith(f"{name}.")]:
        del sys.modules[module]
    importlib.invalidate_caches()


def install(folder: Path, name: str, code: str, offered: Mapping[str, Mapping[str, str]] | None = None) -> None:
    """Writes a package that is one module."""
    write_package(folder, name, {"": code}, entry_points=offered)
