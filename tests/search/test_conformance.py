"""Every optimizer keeps the protocol."""

from collections.abc import Sequence
from typing import Any

import pytest

from tiernas.search import (
    LaMctsOptimizer,
    Optimizer,
    RandomSearch,
    RegularizedEvolution,
    SobolSearch,
    ThompsonOptimizer,
    TpeOptimizer,
    TrustRegionOptimizer,
)
from tiernas.testing.optimizers import OptimizerConformance


class TestRandomSearch(OptimizerConformance):
    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        return RandomSearch(levels, **arguments)


class TestSobolSearch(OptimizerConformance):
    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        return SobolSearch(levels, **arguments)


class TestRegularizedEvolution(OptimizerConformance):
    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        return RegularizedEvolution(levels, population_size=10, sample_size=3, **arguments)

    @pytest.mark.parametrize("sizes", [(5, 0), (5, 6)])
    def test_bad_sizes(self, sizes: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="sample_size"):
            RegularizedEvolution([2], population_size=sizes[0], sample_size=sizes[1])


class TestTpe(OptimizerConformance):
    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        return TpeOptimizer(levels, **arguments)

    def test_bad_settings(self) -> None:
        with pytest.raises(ValueError, match="n_initial"):
            TpeOptimizer([2], n_initial=1)


class TestTrustRegion(OptimizerConformance):
    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        return TrustRegionOptimizer(levels, **arguments)

    def test_bad_settings(self) -> None:
        with pytest.raises(ValueError, match="n_initial"):
            TrustRegionOptimizer([2], n_initial=1)


class TestThompson(OptimizerConformance):
    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        return ThompsonOptimizer(levels, **arguments)

    def test_bad_settings(self) -> None:
        with pytest.raises(ValueError, match="n_initial"):
            ThompsonOptimizer([2], n_initial=1)


class TestLaMcts(OptimizerConformance):
    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        return LaMctsOptimizer(levels, leaf_size=8, **arguments)

    @pytest.mark.parametrize("argument", [{"n_initial": 1}, {"leaf_size": 1}, {"exploration": -0.1}])
    def test_bad_settings(self, argument: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(argument))):
            LaMctsOptimizer([2], **argument)
