"""Low observations are compressed, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.search.compression import compress

VALUES = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=80).map(np.array)


def test_by_hand() -> None:
    """Quartiles 60, 66 and 70: the fence is 50, the best 6 above the median, and 0 becomes 50 - 6 ln(1 + 50/6)."""
    y = np.array([0.0, *[50.0, 60.0, 62.0, 66.0, 67.0, 70.0, 71.0, 72.0] * 7])
    np.testing.assert_allclose(compress(y), [50.0 - 6.0 * np.log(1.0 + 50.0 / 6.0), *y[1:]])


def test_few_are_compressed_below_their_median() -> None:
    y = np.array([60.0, 62.0, 66.0, 70.0, 72.0])
    expected = [66.0 - 6.0 * np.log(2.0), 66.0 - 6.0 * np.log(1.0 + 4.0 / 6.0), 66.0, 70.0, 72.0]
    np.testing.assert_allclose(compress(y), expected)


@given(VALUES)
def test_keeps_the_order_and_what_is_above_the_median(y: np.ndarray) -> None:
    compressed = compress(y)
    rounding = 1e-9 * np.ptp(y)
    assert (np.diff(compressed[np.argsort(y, kind="stable")]) >= -rounding).all()
    better = y >= np.median(y)
    np.testing.assert_array_equal(compressed[better], y[better])
    assert (compressed >= y - rounding).all()


@pytest.mark.parametrize("y", [[3.0], [2.0, 2.0, 2.0], [1.0, 5.0, 5.0, 5.0]])
def test_without_anything_above_the_median_nothing_changes(y: list[float]) -> None:
    np.testing.assert_array_equal(compress(np.array(y)), y)
