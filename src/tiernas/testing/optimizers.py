"""What every optimizer must fulfill, as tests: the author of one subclasses `OptimizerConformance`.

```python
class TestMyOptimizer(OptimizerConformance):
    def make(self, levels, **arguments):
        return MyOptimizer(levels, **arguments)
```
"""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tiernas.search.lattice import BoolArray, FloatArray, IntArray
from tiernas.search.optimizer import Optimizer

LEVELS = [4, 3, 5, 2, 6, 3]


def separable(X: IntArray) -> FloatArray:
    """Maps `n x d` rows to `n` values: a sum over dimensions, greatest (0) at level 1 of each."""
    y: FloatArray = -((X - 1.0) ** 2).sum(axis=1)
    return y


def narrow(X: IntArray) -> BoolArray:
    """Maps `n x d` rows to an `n` mask: rows whose levels add up to 4 or less, 8 % of `LEVELS`."""
    mask: BoolArray = X.sum(axis=1) <= 4
    return mask


def run(optimizer: Optimizer, trials: int, batch: int = 1) -> FloatArray:
    """Asks for and tells `trials` rows in batches; returns the `trials` values of `separable`."""
    values = []
    for _ in range(trials // batch):
        X = optimizer.ask(batch)
        optimizer.tell(X, separable(X))
        values.append(separable(X))
    return np.concatenate(values)


def assert_new(X: IntArray, *others: IntArray) -> None:
    """Asserts that the rows of `X` are distinct, and none is a row of `others`."""
    rows = [tuple(row) for row in X]
    assert len(set(rows)) == len(rows)
    assert not set(rows) & {tuple(row) for other in others for row in other}


class OptimizerConformance(abc.ABC):
    """Tests that any implementation of `Optimizer` must pass; pytest collects the subclass."""

    warm_up = 12
    """Number of rows that tests tell before they check proposals: more than the initial design, so that a model is in
    use; an even number."""

    chance = -4.0
    """A uniform search of 40 rows in `LEVELS` finds at least this in 999 of 1,000 cases."""

    @abc.abstractmethod
    def make(self, levels: Sequence[int], **arguments: Any) -> Optimizer:
        """Builds the optimizer under test with the keyword arguments of `Optimizer`."""

    def test_ask_returns_rows_of_the_lattice(self) -> None:
        X = self.make(LEVELS).ask(5)
        assert X.shape == (5, len(LEVELS))
        assert X.dtype == np.int64
        assert (X >= 0).all()
        assert (np.array(LEVELS) > X).all()
        assert self.make(LEVELS).ask(0).shape == (0, len(LEVELS))

    def test_same_seed_same_proposals(self) -> None:
        first, second = self.make(LEVELS, seed=3), self.make(LEVELS, seed=3)
        np.testing.assert_array_equal(run(first, 16, batch=4), run(second, 16, batch=4))
        np.testing.assert_array_equal(first.told[0], second.told[0])

    def test_other_seed_other_proposals(self) -> None:
        assert (self.make(LEVELS, seed=1).ask(8) != self.make(LEVELS, seed=2).ask(8)).any()

    def test_global_random_state_has_no_influence(self) -> None:
        first, second = self.make(LEVELS), self.make(LEVELS)
        np.random.seed(1)
        run(first, self.warm_up, batch=self.warm_up // 2)
        np.random.seed(2)
        run(second, self.warm_up, batch=self.warm_up // 2)
        np.testing.assert_array_equal(first.ask(2), second.ask(2))

    def test_a_batch_equals_single_asks(self) -> None:
        batch, single = self.make(LEVELS), self.make(LEVELS)
        run(batch, self.warm_up, batch=self.warm_up // 2)
        run(single, self.warm_up, batch=self.warm_up // 2)
        np.testing.assert_array_equal(batch.ask(4), np.concatenate([single.ask() for _ in range(4)]))

    def test_rebuilt_proposes_what_the_uninterrupted_would(self) -> None:
        optimizer = self.make(LEVELS, feasible=narrow, seed=5)
        for _ in range(self.warm_up):
            optimizer.ask(2)
            X = optimizer.pending[-2:-1]
            optimizer.tell(X, separable(X))
        rebuilt = self.make(LEVELS, feasible=narrow, seed=5)
        rebuilt.tell(*optimizer.told)
        rebuilt.add_pending(optimizer.pending)
        np.testing.assert_array_equal(rebuilt.ask(3), optimizer.ask(3))

    def test_asked_rows_are_pending_until_told(self) -> None:
        optimizer = self.make(LEVELS)
        X = optimizer.ask(3)
        np.testing.assert_array_equal(optimizer.pending, X)
        optimizer.tell(X[1:2], [0.5])
        np.testing.assert_array_equal(optimizer.pending, X[[0, 2]])
        told, y = optimizer.told
        np.testing.assert_array_equal(told, X[1:2])
        np.testing.assert_array_equal(y, [0.5])

    def test_no_repeats_of_told_or_pending_rows(self) -> None:
        optimizer = self.make([3, 3, 3])
        optimizer.add_pending([[0, 0, 0], [1, 1, 1]])
        run(optimizer, self.warm_up)
        told, pending = optimizer.told[0], optimizer.pending
        assert_new(optimizer.ask(27 - self.warm_up - 2), told, pending)

    def test_proposals_are_feasible(self) -> None:
        optimizer = self.make(LEVELS, feasible=narrow)
        run(optimizer, self.warm_up)
        X = np.concatenate([optimizer.told[0], optimizer.ask(10)])
        assert narrow(X).all()
        assert_new(X)

    def test_exhaustion_returns_fewer_and_then_no_rows(self) -> None:
        optimizer = self.make([2, 3, 3], feasible=lambda X: X[:, 0] == 1)
        X = optimizer.ask(5)
        optimizer.tell(X, separable(X))
        rest = optimizer.ask(10)
        assert_new(rest, X)
        assert len(rest) == 4
        assert optimizer.ask(2).shape == (0, 3)

    @pytest.mark.parametrize("dim", [2, 20])
    def test_nothing_feasible(self, dim: int) -> None:
        optimizer = self.make([9] * dim, feasible=lambda X: np.zeros(len(X), dtype=np.bool_))
        assert optimizer.ask(2).shape == (0, dim)
        X = np.random.default_rng(0).integers(0, 9, size=(self.warm_up, dim))
        optimizer.tell(X, separable(X))
        assert optimizer.ask(2).shape == (0, dim)

    def test_one_feasible_row_among_many(self) -> None:
        optimizer = self.make([9] * 4, feasible=lambda X: (X == 7).all(axis=1))
        X = np.random.default_rng(0).integers(0, 7, size=(self.warm_up, 4))
        optimizer.tell(X, separable(X))
        np.testing.assert_array_equal(optimizer.ask(2), [[7, 7, 7, 7]])

    def test_a_lattice_too_large_to_list(self) -> None:
        levels = [7] * 30
        pool = np.random.default_rng(0).integers(0, 7, size=(4000, 30))
        optimizer = self.make(levels, feasible=lambda X: X.sum(axis=1) <= 80, pool=pool)
        run(optimizer, self.warm_up)
        X = np.concatenate([optimizer.told[0], optimizer.ask(4)])
        assert (X.sum(axis=1) <= 80).all()
        assert_new(X)

    @pytest.mark.parametrize("dim", [6, 50])
    def test_few_and_many_dimensions_of_both_kinds(self, dim: int) -> None:
        levels = np.resize([12, 3, 2, 7, 1, 25], dim)
        optimizer = self.make(
            levels.tolist(),
            categorical=(np.arange(dim) % 3 == 1).tolist(),
            feasible=lambda X: X.sum(axis=1) <= (levels - 1).sum() / 2,
        )
        run(optimizer, self.warm_up)
        X = np.concatenate([optimizer.told[0], optimizer.ask(4)])
        assert len(X) == self.warm_up + 4
        assert (X.sum(axis=1) <= (levels - 1).sum() / 2).all()
        assert_new(X)

    def test_failed_trainings_are_never_proposed_again(self) -> None:
        optimizer = self.make([3, 3, 3])
        failed = optimizer.ask(5)
        optimizer.tell(failed, np.full(5, np.nan))
        run(optimizer, self.warm_up)
        assert_new(optimizer.ask(8), failed, optimizer.told[0])
        assert np.isnan(optimizer.told[1][:5]).all()

    def test_only_failures(self) -> None:
        optimizer = self.make([4, 4, 4])
        for _ in range(8):
            X = optimizer.ask(4)
            optimizer.tell(X, np.full(4, np.nan))
        assert len(optimizer.ask(2)) == 2

    @pytest.mark.parametrize("all_infeasible", [False, True])
    def test_history_that_was_never_asked(self, all_infeasible: bool) -> None:
        rows = np.random.default_rng(0).integers(0, LEVELS, size=(40, len(LEVELS)))
        X = np.unique(rows[~narrow(rows)] if all_infeasible else rows, axis=0)
        optimizer = self.make(LEVELS, feasible=narrow)
        optimizer.tell(X, separable(X))
        proposed = optimizer.ask(3)
        assert len(proposed) == 3
        assert narrow(proposed).all()
        assert_new(proposed, X)

    def test_long_history_and_many_pending_rows(self) -> None:
        rows = np.random.default_rng(1).permutation(np.argwhere(np.ones(LEVELS)))
        told, pending = rows[:300], rows[300:350]
        optimizer = self.make(LEVELS)
        optimizer.tell(told, separable(told))
        optimizer.add_pending(pending)
        proposed = optimizer.ask(3)
        assert len(proposed) == 3
        assert_new(proposed, told, pending)

    def test_only_the_mean_of_contradictory_observations_counts(self) -> None:
        X = self.make(LEVELS).ask(self.warm_up)
        once, twice = self.make(LEVELS), self.make(LEVELS)
        once.tell(X, separable(X))
        twice.tell(X, separable(X) + 2.0)
        twice.ask(1)
        twice.tell(X, separable(X) - 2.0)
        once.add_pending(twice.pending)
        np.testing.assert_array_equal(once.ask(2), twice.ask(2))

    def test_contradictory_observations_are_averaged(self) -> None:
        optimizer = self.make([3, 3])
        optimizer.tell([[1, 1], [0, 0]], [1.0, 4.0])
        optimizer.tell([[1, 1], [0, 0]], [2.0, np.nan])
        np.testing.assert_array_equal(optimizer.told[0], [[1, 1], [0, 0]])
        np.testing.assert_array_equal(optimizer.told[1], [1.5, 4.0])

    def test_equal_observations(self) -> None:
        optimizer = self.make(LEVELS)
        for _ in range(2):
            X = optimizer.ask(self.warm_up // 2)
            optimizer.tell(X, np.full(len(X), 0.25))
        assert_new(optimizer.ask(3), optimizer.told[0])

    def test_categorical_and_constant_dimensions(self) -> None:
        optimizer = self.make([1, 5, 3, 1, 4], categorical=[True, True, False, False, True])
        run(optimizer, self.warm_up + 4, batch=2)
        X = np.concatenate([optimizer.told[0], optimizer.ask(3)])
        assert (X[:, [0, 3]] == 0).all()
        assert_new(X)

    def test_a_single_row(self) -> None:
        optimizer = self.make([1, 1])
        np.testing.assert_array_equal(optimizer.ask(3), [[0, 0]])
        optimizer.tell([[0, 0]], [1.0])
        assert len(optimizer.ask()) == 0

    def test_equal_networks_are_proposed_once(self) -> None:
        def canonical(X: IntArray) -> IntArray:
            return np.where((X[:, :1] == 0) & (np.arange(3) > 0), 0, X)

        optimizer = self.make([2, 4, 4], canonical=canonical)
        optimizer.tell([[0, 3, 2]], [0.0])
        X = optimizer.ask(20)
        assert len(X) == 16
        assert (X[:, 0] == 1).all()
        assert_new(X)

    @pytest.mark.parametrize(
        ("X", "y", "message"),
        [
            ([[0, 0]], [np.inf], "NaN"),
            ([[0, 0]], [-np.inf], "NaN"),
            ([[0, 0], [1, 1]], [1.0, -1e101], r"y\[1\] is -1e\+101: .* between -1e\+100 and 1e\+100"),
            ([[0, 0]], [1.0, 2.0], "one value per row"),
            ([[0, 0]], 1.0, "one value per row"),
            ([0, 0], [1.0], "wrap a single row"),
            ([[0, 0, 0]], [1.0], r"shape \(n, 2\)"),
            ([[0, 3]], [1.0], "dimension 1, which holds 0 to 2"),
            ([[-1, 0]], [1.0], "dimension 0, which holds 0 to 2"),
            ([[0.5, 0]], [1.0], "whole numbers"),
        ],
    )
    def test_a_bad_tell_says_why_and_changes_nothing(self, X: Any, y: Any, message: str) -> None:
        optimizer = self.make([3, 3])
        asked = optimizer.ask(2)
        with pytest.raises(ValueError, match=message):
            optimizer.tell(X, y)
        np.testing.assert_array_equal(optimizer.pending, asked)
        assert len(optimizer.told[0]) == 0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"levels": [3, 0]}, "levels must be 1 or more"),
            ({"levels": []}, "one count per dimension"),
            ({"levels": [3, 3], "categorical": [True]}, "one per dimension"),
            ({"levels": [3, 3], "pool": [[0, 3]]}, r"pool\[0\] has 3"),
            ({"levels": [3, 3], "seed": -1}, "seed must be 0 or more"),
            ({"levels": [3, 3], "feasible": lambda X: X}, "feasible must return"),
        ],
    )
    def test_bad_arguments_say_why(self, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            self.make(**arguments).ask()

    def test_no_worse_than_chance_on_a_simple_function(self) -> None:
        assert run(self.make(LEVELS), 40, batch=10).max() >= self.chance
