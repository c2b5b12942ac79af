"""A row is asked about once, whatever it is asked with."""

import numpy as np

from tiernas.search.asked_once import AskedOnce
from tiernas.search.lattice import BoolArray, IntArray


def test_only_unknown_rows_are_asked_about() -> None:
    asked: list[list[int]] = []

    def even(rows: IntArray) -> BoolArray:
        asked.append(rows[:, 0].tolist())
        answer: BoolArray = rows[:, 0] % 2 == 0
        return answer

    is_even = AskedOnce(even)
    np.testing.assert_array_equal(is_even(np.array([[1], [2]])), [False, True])
    np.testing.assert_array_equal(is_even(np.array([[2], [4], [1]])), [True, True, False])
    np.testing.assert_array_equal(is_even(np.empty((0, 1), dtype=np.int64)), [])
    assert asked == [[1, 2], [4]]
