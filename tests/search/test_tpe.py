"""TPE sees the history in its order, whatever happened on the way."""

import sys

import numpy as np
import optuna
import pytest

from tiernas.errors import NotInstalledError
from tiernas.search import TpeOptimizer
from tiernas.search.lattice import FloatArray, IntArray
from tiernas.testing.optimizers import run

LEVELS = [9, 9, 4, 1, 9]
CATEGORICAL = [False, False, True, False, False]


def value(X: IntArray) -> FloatArray:
    y: FloatArray = -((X - 2.0) ** 2).sum(axis=1)
    return y


def test_a_change_of_an_earlier_observation_is_seen() -> None:
    optimizer = TpeOptimizer(LEVELS, categorical=CATEGORICAL)
    run(optimizer, 20, batch=4)
    X, _ = optimizer.told
    optimizer.tell(X[:3], [60.0, 40.0, 20.0])
    rebuilt = TpeOptimizer(LEVELS, categorical=CATEGORICAL)
    rebuilt.tell(*optimizer.told)
    np.testing.assert_array_equal(rebuilt.ask(2), optimizer.ask(2))


def test_results_out_of_order_are_seen_in_the_order_told() -> None:
    optimizer = TpeOptimizer(LEVELS, categorical=CATEGORICAL)
    for _ in range(12):
        X = optimizer.ask(3)[::-1][:2]
        optimizer.tell(X, value(X))
    rebuilt = TpeOptimizer(LEVELS, categorical=CATEGORICAL)
    rebuilt.tell(*optimizer.told)
    rebuilt.add_pending(optimizer.pending)
    np.testing.assert_array_equal(rebuilt.ask(3), optimizer.ask(3))


def test_finds_more_than_its_random_start() -> None:
    optimizer = TpeOptimizer(LEVELS, categorical=CATEGORICAL, n_initial=10)
    for _ in range(40):
        X = optimizer.ask()
        optimizer.tell(X, value(X))
    _, y = optimizer.told
    assert y[10:].max() > y[:10].max()
    assert y[30:].mean() > y[:10].mean()


def test_optuna_keeps_its_verbosity_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    run(TpeOptimizer(LEVELS), 12)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_without_optuna_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tiernas.search.tpe")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NotInstalledError, match=r"pip install .*\[optuna\]"):
        import tiernas.search.tpe  # noqa: F401


def test_when_all_is_refused_the_best_feasible_row_is_mutated_not_a_better_one_that_may_not_be_proposed() -> None:
    """A sum of at most 60 leaves room for mutations of the feasible row, none for those of the other: it is 96."""
    optimizer = TpeOptimizer([9] * 12, feasible=lambda X: X.sum(axis=1) <= 60)
    X = np.array([[8] * 12, [4] * 12, [1] * 12])
    y = np.array([9.0, 2.0, 1.0])
    optimizer.tell(X, y)
    for seed in range(5):
        proposal = optimizer._near_the_best(X, y, np.random.default_rng(seed))
        assert proposal is not None
        assert (proposal != X[1]).sum() <= 4
