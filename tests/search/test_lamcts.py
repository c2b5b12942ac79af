"""LA-MCTS finds more than chance, and carries on when its model fails."""

import logging
import subprocess
import sys

import numpy as np
import pytest
from botorch.exceptions.errors import ModelFittingError

from tiernas.search import LaMctsOptimizer, Optimizer, RandomSearch, RegularizedEvolution
from tiernas.search.lattice import BoolArray, FloatArray, IntArray

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


def best_of(optimizer: Optimizer, trials: int, batch: int) -> float:
    best = -np.inf
    for _ in range(trials // batch):
        X = optimizer.ask(batch)
        y = accuracy(X)
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


def test_history_beyond_what_one_model_takes() -> None:
    X = np.unique(np.random.default_rng(0).integers(0, LEVELS, size=(400, len(LEVELS))), axis=0)
    proposals = []
    for _ in range(2):
        optimizer = LaMctsOptimizer(LEVELS, feasible=affordable)
        optimizer.tell(X, accuracy(X))
        proposals.append(optimizer.ask(2))
    np.testing.assert_array_equal(proposals[0], proposals[1])
    assert accuracy(proposals[0]).mean() > np.quantile(accuracy(X[affordable(X)]), 0.9)


def test_failed_fit_is_logged_and_a_feasible_row_proposed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModelFittingError("no luck")

    monkeypatch.setattr("tiernas.search.surrogate.fit_gpytorch_mll", fail)
    optimizer = LaMctsOptimizer(LEVELS, feasible=affordable, n_initial=2)
    X = optimizer.ask(3)
    optimizer.tell(X, accuracy(X))
    with caplog.at_level(logging.WARNING):
        assert affordable(optimizer.ask()).all()
    assert "no luck" in caplog.text


def test_baselines_do_not_import_torch() -> None:
    code = "import sys, tiernas.search as s; s.RandomSearch([2]).ask(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
