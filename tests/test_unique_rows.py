from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tiernas.unique_rows import unique_rows

Matrix = np.ndarray[tuple[int, int], np.dtype[np.int64]]


def assert_as_numpy_finds(rows: Matrix) -> None:
    expected, index = np.unique(rows, axis=0, return_inverse=True)
    for layout in (rows, np.asfortranarray(rows)):
        found, inverse = unique_rows(layout)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(inverse, index.ravel())


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 30), st.integers(1, 6)), elements=st.integers(-3, 2**40)))
def test_unique_rows_is_that_of_numpy(rows: Matrix) -> None:
    assert_as_numpy_finds(rows)


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 200), st.integers(1, 3)), elements=st.integers(-2, 2)))
def test_rows_that_are_often_the_same(rows: Matrix) -> None:
    assert_as_numpy_finds(8 * rows)


def test_values_that_fill_all_bits() -> None:
    most, least = 2**62, 1 - 2**62
    assert_as_numpy_finds(np.array([[most, 1, least], [most, 0, most], [least, 1, 3], [most, 1, least]]))


def test_columns_stay_contiguous() -> None:
    rows = np.asfortranarray(np.array([[3, 1], [2, 0], [3, 1]]))
    assert unique_rows(rows)[0].flags.f_contiguous
