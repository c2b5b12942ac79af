"""Rows that stand for a long history, against choices made by hand."""

import numpy as np

from tiernas.search.representatives import best_and_near, half_best, of_all_values

LINE = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0])[:, None]
VALUES = np.array([5.0, 9.0, 1.0, 7.0, 3.0, 8.0, 2.0, 6.0, 4.0])  # best first: 1, 5, 3, 7, 0, 8, 4, 6, 2


def test_the_best_the_nearest_and_a_spread() -> None:
    # Best first: 1.0, 0.9, 0.8, 0.7, 0.6 ... Four of eight are the best, two lie nearest to 0.12, and of the other
    # four, 0.6, 0.4, 0.3 and 0.0, the first and the last.
    order = np.arange(9, -1, -1)
    np.testing.assert_array_equal(best_and_near(LINE, order, np.array([0.12]), 8), [0, 1, 2, 5, 6, 7, 8, 9])
    np.testing.assert_array_equal(best_and_near(LINE, order, np.array([0.12]), 10), np.arange(10))


def test_half_of_them_the_best() -> None:
    # 1 and 5; of 3, 7, 0, 8, 4, 6 and 2 the first and the last
    np.testing.assert_array_equal(half_best(VALUES, 4), [1, 2, 3, 5])
    np.testing.assert_array_equal(half_best(VALUES, 9), np.arange(9))


def test_of_all_values() -> None:
    # the first, the middle and the last in order
    np.testing.assert_array_equal(of_all_values(VALUES, 3), [0, 1, 2])
    np.testing.assert_array_equal(of_all_values(VALUES, 20), np.arange(9))
    assert len(of_all_values(np.empty(0), 3)) == 0
