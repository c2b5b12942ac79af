"""LA-MCTS finds more than chance, with a short history and a long one."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tiernas.replay import Levy
from tiernas.search import LaMctsOptimizer, Optimizer, RandomSearch, RegularizedEvolution
from tiernas.search.compression import FEW
from tiernas.search.lattice import BoolArray, FloatArray, IntArray
from tiernas.search.pool import LazyPool
from tiernas.search.surrogate import Beliefs, Surrogate

LEVELS = [4, 3, 5, 2, 4, 3, 5, 2, 4, 3, 5, 2]


def accuracy(X: IntArray) -> FloatArray:
    """Three stages of width, kernel, depth, SE: gains that level off, and neighbouring stages that must
    match."""
    stages = X.reshape(-1, 3, 4) / (np.array(LEVELS[:4]) - 1.0)
    width, kernel, depth, squeeze = (stages[:, :, i] for i in range(4))
    gains = (np.sqrt(width) + 0.5 * kernel + 1.5 * np.sqrt(depth) + 0.3 * squeeze).sum(axis=1)
    y: FloatArray = gains - 2.0 * (np.diff(width, axis=1) ** 2).sum(axis=1)
    return y


def affordable(X: IntArray) -> BoolArray:
    """About a fifth of the lattice: the cost of a stage is its width times its depth."""
    stages = X.reshape(-1, 3, 4) + 1
    mask: BoolArray = (stages[:, :, 0] * stages[:, :, 2]).sum(axis=1) <= 14
    return mask


def best_of(optimizer: Optimizer, trials: int, batch: int, value: Callable[[IntArray], FloatArray] = accuracy) -> float:
    best = -np.inf
    for _ in range(trials // batch):
        X = optimizer.ask(batch)
        y = value(X)
        optimizer.tell(X, y)
        best = max(best, float(y.max()))
    return best


def test_finds_more_than_random_search_and_evolution() -> None:
    found = {
        kind: np.mean([best_of(kind(LEVELS, feasible=affordable, seed=s), 48, batch=8) for s in range(3)])
        for kind in (RandomSearch, RegularizedEvolution, LaMctsOptimizer)
    }
    assert found[LaMctsOptimizer] > found[RegularizedEvolution]
    assert found[LaMctsOptimizer] > found[RandomSearch]


def test_twenty_dimensions_of_many_levels_are_learned_from_tens_of_rows() -> None:
    """Without main effects the first proposals go to corners of the space, and random search is ahead."""
    levy = Levy(20)
    found = [best_of(kind(levy.levels, seed=0), 64, 8, levy.value) for kind in (RandomSearch, LaMctsOptimizer)]
    assert found[1] > 0.5 * found[0]  # both are below zero


def test_history_beyond_what_one_model_takes() -> None:
    X = np.random.default_rng(0).integers(0, LEVELS, size=(700, len(LEVELS)))
    proposals = []
    for _ in range(2):
        optimizer = LaMctsOptimizer(LEVELS, feasible=affordable)
        optimizer.tell(X, accuracy(X))
        proposals.append(optimizer.ask(2))
    np.testing.assert_array_equal(proposals[0], proposals[1])
    assert accuracy(proposals[0]).max() > np.quantile(accuracy(X[affordable(X)]), 0.95)


def test_without_a_partition_and_with_a_short_or_long_history() -> None:
    X = np.random.default_rng(1).integers(0, LEVELS, size=(700, len(LEVELS)))
    for n in (10, 40, 700):
        optimizer = LaMctsOptimizer(LEVELS, feasible=affordable, leaf_size=None)
        optimizer.tell(X[:n], accuracy(X[:n]))
        assert affordable(optimizer.ask(3)).all()


def test_the_partition_changes_nothing_until_there_are_rows_enough_for_two_regions() -> None:
    X = np.random.default_rng(3).integers(0, LEVELS, size=(51, len(LEVELS)))
    y = accuracy(X)

    for n in (50, 51):
        optimizers = (
            LaMctsOptimizer(LEVELS, feasible=affordable),
            LaMctsOptimizer(LEVELS, feasible=affordable, leaf_size=None),
        )
        for optimizer in optimizers:
            optimizer.tell(X[:n], y[:n])
        divided, undivided = (optimizer.ask(8) for optimizer in optimizers)
        assert np.array_equal(divided, undivided) == (n == 50)


def test_noise_makes_the_bold_bolder_once_it_is_known() -> None:
    """Two deviations of a noise of variance 0.04 are 0.4; without noise the margin is 0.2."""
    margin = LaMctsOptimizer._margin
    assert [margin(n, noise) for n in (FEW, FEW + 1) for noise in (0.0, 0.04)] == [0.2, 0.2, 0.2, 0.4]


def test_half_of_the_proposals_look_for_any_improvement(monkeypatch: pytest.MonkeyPatch) -> None:
    margins: list[float] = []
    most_promising = LazyPool.most_promising

    def watched(self: LazyPool, n: int, beliefs: Any, is_new: Any, margin: float = 0.0) -> tuple[IntArray, FloatArray]:
        margins.append(margin)
        return most_promising(self, n, beliefs, is_new, margin)

    monkeypatch.setattr(LazyPool, "most_promising", watched)
    X = np.random.default_rng(4).integers(0, LEVELS, size=(20, len(LEVELS)))
    optimizer = LaMctsOptimizer(LEVELS)
    optimizer.tell(X, accuracy(X))
    optimizer.ask(24)
    assert set(margins) == {0.0, 0.2}
    assert 6 <= margins.count(0.0) <= 18


def test_results_not_yet_learned_of_rows_that_are_infeasible_do_not_raise_the_goal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An infeasible row far better than all others is told while many rows are pending: it waits to be learned from."""
    goals: list[float] = []
    believe = Surrogate.believe

    def watched(self: Surrogate, Z: FloatArray, feasible: BoolArray | None = None) -> Surrogate | Beliefs:
        beliefs = believe(self, Z, feasible)
        goals.append(beliefs.best)
        return beliefs

    monkeypatch.setattr(Surrogate, "believe", watched)
    levels = [9] * 4
    rows = np.random.default_rng(5).permutation(np.argwhere(np.ones(levels)))
    small = rows[rows.sum(axis=1) <= 12]
    optimizer = LaMctsOptimizer(levels, feasible=lambda X: X.sum(axis=1) <= 12)
    optimizer.tell(small[:40], small[:40].sum(axis=1))
    optimizer.add_pending(small[40:120])
    optimizer.ask()
    optimizer.tell([[8, 8, 8, 8]], [32])
    optimizer.ask()
    assert optimizer._learner.learn()[0].y.max() <= 12
    assert goals[1] == goals[0]


def test_optimizers_do_not_import_torch() -> None:
    code = "import sys, tiernas.search as s; s.LaMctsOptimizer([2]).ask(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_better_rows_that_are_infeasible_are_learned_from_but_not_chased() -> None:
    X = np.random.default_rng(2).integers(0, LEVELS, size=(200, len(LEVELS)))
    slow = X[~affordable(X)]
    optimizer = LaMctsOptimizer(LEVELS, feasible=affordable, seed=1)
    optimizer.tell(slow, accuracy(slow))  # of another tier: better than anything here
    alone = LaMctsOptimizer(LEVELS, feasible=affordable, seed=1)
    assert best_of(optimizer, 8, batch=4) > best_of(alone, 8, batch=4)
