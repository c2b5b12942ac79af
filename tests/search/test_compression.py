"""Low observations are compressed, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.search.compression import FEW, compress


def values(least: int, most: int) -> st.SearchStrategy[np.ndarray]:
    return st.lists(st.floats(-1e3, 1e3, width=32), min_size=least, max_size=most).map(np.array)


def test_by_hand() -> None:
    """Quartiles 60, 66 and 70: the fence is 50, the best 6 above the median, and 0 becomes 50 - 6 ln(1 + 50/6)."""
    y = np.array([0.0, *[50.0, 60.0, 62.0, 66.0, 67.0, 70.0, 71.0, 72.0] * 7])
    np.testing.assert_allclose(compress(y), [50.0 - 6.0 * np.log(1.0 + 50.0 / 6.0), *y[1:]])


def test_few_are_compressed_below_their_median() -> None:
    y = np.array([60.0, 62.0, 66.0, 70.0, 72.0])
    expected = [66.0 - 6.0 * np.log(2.0), 66.0 - 6.0 * np.log(1.0 + 4.0 / 6.0), 66.0, 70.0, 72.0]
    np.testing.assert_allclose(compress(y), expected)


@given(values(FEW + 1, FEW + 40))
def test_keeps_the_order_and_what_is_above_the_lower_quartile(y: np.ndarray) -> None:
    require_kept(y, np.quantile(y, 0.25))


@given(values(1, FEW))
def test_keeps_the_order_and_of_few_what_is_above_the_median(y: np.ndarray) -> None:
    require_kept(y, np.median(y))


def require_kept(y: np.ndarray, fence: float) -> None:
    """The order stays, and all from the fence on is as it was."""
    compressed = compress(y)
    rounding = 1e-9 * np.ptp(y)
    assert (np.diff(compressed[np.argsort(y, kind="stable")]) >= -rounding).all()
    better = y >= fence
    np.testing.assert_array_equal(compressed[better], y[better])
    assert (compressed >= y - rounding).all()


@pytest.mark.parametrize("y", [[3.0], [2.0, 2.0, 2.0], [1.0, 5.0, 5.0, 5.0]])
def test_without_anything_above_the_median_nothing_changes(y: list[float]) -> None:
    np.testing.assert_array_equal(compress(np.array(y)), y)
