"""The three optimizers keep the protocol."""

from collections.abc import Sequence
from typing import Any

import pytest

from tiernas.search import LaMctsOptimizer, Optimizer, RandomSearch, RegularizedEvolution
from tiernas.testing.optimizers import OptimizerConformance


class TestRandomSearch(OptimizerConformance):
    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        return RandomSearch(levels, **arguments)


class TestRegularizedEvolution(OptimizerConformance):
    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        return RegularizedEvolution(levels, **arguments)

    @pytest.mark.parametrize("sizes", [(5, 0), (5, 6)])
    def test_bad_sizes(self, sizes: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="sample_size"):
            RegularizedEvolution([2], population_size=sizes[0], sample_size=sizes[1])


class TestLaMcts(OptimizerConformance):
    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        return LaMctsOptimizer(levels, leaf_size=8, **arguments)

    @pytest.mark.parametrize("argument", [{"n_initial": 1}, {"leaf_size": 1}, {"exploration": -0.1}])
    def test_bad_settings(self, argument: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(argument))):
            LaMctsOptimizer([2], **argument)
