from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tiernas.errors import UsageError
from tiernas.proportions import enough_for, indistinguishable, least_difference, parse_proportion, wilson_interval

COUNTS = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS)
def test_the_interval_is_that_of_scipy(counted: tuple[int, int]) -> None:
    k, n = counted
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson_interval(k / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.floats(0, 1), st.integers(1, 10**7))
def test_the_interval_holds_the_proportion_and_is_one(proportion: float, n: int) -> None:
    low, high = wilson_interval(proportion, n)
    assert 0 <= low <= proportion <= high <= 1


def test_the_interval_worked_out_by_hand() -> None:
    """267 of 270: center (0.98889 + 0.00711) / 1.01423, half 1.93247 * 0.00734."""
    assert wilson_interval(267 / 270, 270) == pytest.approx((0.96785, 0.99621), abs=1e-5)


def test_two_of_270_images_are_no_difference_and_of_50000_they_are() -> None:
    assert indistinguishable(267 / 270, 270, 265 / 270, 270)
    assert not indistinguishable(267 / 270, 50_000, 265 / 270, 50_000)
    assert not indistinguishable(267 / 270, 270, 240 / 270, 270)


def test_the_least_difference_worked_out_by_hand() -> None:
    """1.96 * sqrt(2 * 0.9 * 0.1 / 270) = 0.0506."""
    assert least_difference(270) == pytest.approx(0.0506, abs=1e-4)


@given(st.integers(1, 10**6), st.floats(0.01, 0.99))
def test_enough_things_for_a_difference_are_those_that_just_tell_it(n: int, proportion: float) -> None:
    assert enough_for(least_difference(n, proportion), proportion) == pytest.approx(n, abs=1)


def test_the_interval_of_a_difference_is_that_of_newcombe() -> None:
    """56 of 70 against 48 of 80, his first example: 0.0524 to 0.3339 excludes zero; 0.7 against 0.6 does not."""
    assert not indistinguishable(56 / 70, 70, 48 / 80, 80)
    assert indistinguishable(49 / 70, 70, 48 / 80, 80)
    high, low = 56 / 70, 48 / 80
    below, above = high - wilson_interval(high, 70)[0], wilson_interval(low, 80)[1] - low
    assert high - low - math.hypot(below, above) == pytest.approx(0.0524, abs=5e-5)


@given(COUNTS, COUNTS)
def test_order_does_not_matter_and_equal_ones_tie(one: tuple[int, int], other: tuple[int, int]) -> None:
    (k, n), (j, m) = one, other
    assert indistinguishable(k / n, n, j / m, m) == indistinguishable(j / m, m, k / n, n)
    assert indistinguishable(k / n, n, k / n, m)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.95", 0.95), ("95%", 0.95), (" 95 % ", 0.95), ("98.15%", 0.9815), ("1", 1.0), ("95", 95.0), ("1e-1", 0.1)],
)
def test_proportions_are_read_as_written(text: str, expected: float) -> None:
    assert parse_proportion(text, "min_accuracy") == expected


@pytest.mark.parametrize("text", ["", "%", "high", "0,95", "95%%", "95 percent", "0.9.5"])
def test_what_is_no_proportion_is_refused(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"min_accuracy = .*: must be a proportion such as 0\.95 or a percentage such as 95%"
    ):
        parse_proportion(text, "min_accuracy")
