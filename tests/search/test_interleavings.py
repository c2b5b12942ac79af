"""Any order of asks, tells, failures and restarts keeps what the protocol promises."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

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
from tiernas.search.lattice import BoolArray, IntArray

LEVELS = [3, 2, 1, 4]


def feasible(X: IntArray) -> BoolArray:
    mask: BoolArray = X.sum(axis=1) != 3
    return mask


N_FEASIBLE = 18
"""Of 24 rows, 6 add up to 3: (0,0,3), (0,1,2), (1,0,2), (1,1,1), (2,0,1), (2,1,0), the constant left out."""


class Interleavings(RuleBasedStateMachine):
    """Keeps its own record of what was asked and told, and a twin that is rebuilt now and then."""

    build: Callable[..., Optimizer]

    @initialize(seed=st.integers(0, 3))
    def start(self, seed: int) -> None:
        self.arguments: dict[str, Any] = {"feasible": feasible, "seed": seed}
        self.optimizer = type(self).build(LEVELS, **self.arguments)
        self.pending: list[tuple[int, ...]] = []
        self.told: list[tuple[int, ...]] = []

    @rule(n=st.integers(1, 4))
    def ask(self, n: int) -> None:
        X = self.optimizer.ask(n)
        rows = [tuple(int(v) for v in row) for row in X]
        assert feasible(X).all()
        assert len(set(rows)) == len(rows)
        known = set(self.pending) | set(self.told)
        assert not set(rows) & known
        assert len(rows) == min(n, N_FEASIBLE - sum(feasible(np.array([row]))[0] for row in known))
        self.pending += rows

    @rule(data=st.data(), y=st.floats(-2, 2) | st.just(float("nan")))
    def tell_pending(self, data: st.DataObject, y: float) -> None:
        if self.pending:
            self._tell(data.draw(st.sampled_from(self.pending)), y)

    @rule(row=st.tuples(*(st.integers(0, n - 1) for n in LEVELS)), y=st.floats(-2, 2))
    def tell_anything(self, row: tuple[int, ...], y: float) -> None:
        self._tell(row, y)

    @rule()
    def restart(self) -> None:
        rebuilt = type(self).build(LEVELS, **self.arguments)
        rebuilt.tell(*self.optimizer.told)
        rebuilt.add_pending(self.optimizer.pending)
        self.optimizer = rebuilt

    def _tell(self, row: tuple[int, ...], y: float) -> None:
        self.optimizer.tell([row], [y])
        if row in self.pending:
            self.pending.remove(row)
        if row not in self.told:
            self.told.append(row)

    @invariant()
    def records_agree(self) -> None:
        if hasattr(self, "optimizer"):
            assert [tuple(row) for row in self.optimizer.pending] == self.pending
            assert [tuple(row) for row in self.optimizer.told[0]] == self.told


class RandomInterleavings(Interleavings):
    build = RandomSearch


class SobolInterleavings(Interleavings):
    build = SobolSearch


class EvolutionInterleavings(Interleavings):
    @staticmethod
    def build(levels: list[int], **arguments: Any) -> Optimizer:
        return RegularizedEvolution(levels, population_size=3, sample_size=2, **arguments)


class TpeInterleavings(Interleavings):
    @staticmethod
    def build(levels: list[int], **arguments: Any) -> Optimizer:
        return TpeOptimizer(levels, n_initial=2, **arguments)


class TrustRegionInterleavings(Interleavings):
    @staticmethod
    def build(levels: list[int], **arguments: Any) -> Optimizer:
        return TrustRegionOptimizer(levels, n_initial=2, **arguments)


class ThompsonInterleavings(Interleavings):
    @staticmethod
    def build(levels: list[int], **arguments: Any) -> Optimizer:
        return ThompsonOptimizer(levels, n_initial=2, **arguments)


class LaMctsInterleavings(Interleavings):
    @staticmethod
    def build(levels: list[int], **arguments: Any) -> Optimizer:
        return LaMctsOptimizer(levels, n_initial=2, leaf_size=3, **arguments)


QUICK = settings(max_examples=15, stateful_step_count=25, deadline=None)
SLOW = settings(max_examples=6, stateful_step_count=15, deadline=None, derandomize=True)

TestRandom = RandomInterleavings.TestCase
TestRandom.settings = QUICK
TestSobol = SobolInterleavings.TestCase
TestSobol.settings = QUICK
TestEvolution = EvolutionInterleavings.TestCase
TestEvolution.settings = QUICK
TestTpe = TpeInterleavings.TestCase
TestTpe.settings = SLOW
TestTrustRegion = TrustRegionInterleavings.TestCase
TestTrustRegion.settings = SLOW
TestThompson = ThompsonInterleavings.TestCase
TestThompson.settings = SLOW
TestLaMcts = LaMctsInterleavings.TestCase
TestLaMcts.settings = SLOW
