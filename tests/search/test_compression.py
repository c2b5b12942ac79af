"""Low observations are compressed, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.search.compression import compress

VALUES = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=40).map(np.array)


def test_by_hand() -> None:
    """The median is 60, the best 70: 50 becomes 60 - 10 ln 2, and 0 becomes 60 - 10 ln 7."""
    expected = [60.0 - 10.0 * np.log(7.0), 60.0 - 10.0 * np.log(2.0), 60.0, 65.0, 70.0]
    np.testing.assert_allclose(compress(np.array([0.0, 50.0, 60.0, 65.0, 70.0])), expected)


@given(VALUES)
def test_keeps_the_order_and_the_better_half(y: np.ndarray) -> None:
    compressed = compress(y)
    rounding = 1e-9 * np.ptp(y)
    assert (np.diff(compressed[np.argsort(y, kind="stable")]) >= -rounding).all()
    better = y >= np.median(y)
    np.testing.assert_array_equal(compressed[better], y[better])
    assert (compressed >= y - rounding).all()


@pytest.mark.parametrize("y", [[3.0], [2.0, 2.0, 2.0], [1.0, 5.0, 5.0, 5.0]])
def test_without_anything_above_the_median_nothing_changes(y: list[float]) -> None:
    np.testing.assert_array_equal(compress(np.array(y)), y)
