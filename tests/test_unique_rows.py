from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tiernas.unique_rows import unique_rows


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 30), st.integers(1, 6)), elements=st.integers(-3, 2**40)))
def test_unique_rows_is_that_of_numpy(rows: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> None:
    expected, index = np.unique(rows, axis=0, return_inverse=True)
    found, inverse = unique_rows(rows)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(inverse, index.ravel())
