"""Sobol search covers the space evenly, in one fixed order."""

import numpy as np

from tiernas.search import SobolSearch
from tiernas.search.lattice import BoolArray, IntArray


def test_each_level_of_each_dimension_once_in_as_many_rows() -> None:
    X = SobolSearch([16] * 5, seed=3).ask(16)
    for column in X.T:
        np.testing.assert_array_equal(np.sort(column), np.arange(16))


def test_the_order_is_that_without_a_rule_less_the_infeasible() -> None:
    def even(X: IntArray) -> BoolArray:
        mask: BoolArray = X.sum(axis=1) % 2 == 0
        return mask

    X = SobolSearch([50] * 4).ask(40)
    np.testing.assert_array_equal(SobolSearch([50] * 4, feasible=even).ask(15), X[even(X)][:15])


def test_what_was_told_does_not_change_the_order() -> None:
    X = SobolSearch([50] * 4).ask(6)
    optimizer = SobolSearch([50] * 4)
    optimizer.tell(X[[1, 4]], [3.0, np.nan])
    np.testing.assert_array_equal(optimizer.ask(4), X[[0, 2, 3, 5]])


def test_rows_beyond_the_reach_of_the_sequence_come_from_the_pool() -> None:
    only = np.full((1, 12), 3)
    optimizer = SobolSearch([9] * 12, feasible=lambda X: (X == 3).all(axis=1), pool=only)
    np.testing.assert_array_equal(optimizer.ask(1), only)
