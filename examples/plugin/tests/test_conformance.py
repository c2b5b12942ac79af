"""The plug-ins fulfill what tiernas relies on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from acme_tiernas.digits import write_digits
from acme_tiernas.engine import CameraEngine
from acme_tiernas.optimizer import Annealing
from acme_tiernas.sandglass import SandglassSpace

from tiernas.engines import Engine
from tiernas.search import Optimizer
from tiernas.spaces import SearchSpace
from tiernas.testing.engines import EngineConformance
from tiernas.testing.optimizers import OptimizerConformance
from tiernas.testing.sources import SourceConformance
from tiernas.testing.spaces import SpaceConformance
from tiernas.training import DataConfig


class TestSpace(SpaceConformance):
    """Its networks are built, exported and compared with the fields of its block."""

    def make(self) -> SearchSpace:
        return SandglassSpace()


class TestEngine(EngineConformance):
    """It compiles, runs, profiles and saves tiny networks."""

    def make(self) -> Engine:
        return CameraEngine()


class TestOptimizer(OptimizerConformance):
    """It searches small lattices."""

    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        return Annealing(levels, **arguments)


class TestSource(SourceConformance):
    """It reads a file that is written first."""

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.path = tmp_path / "digits.npz"
        write_digits(self.path)

    def make(self) -> DataConfig:
        return DataConfig(kind="acme-arrays", path=self.path, image_size=8)
