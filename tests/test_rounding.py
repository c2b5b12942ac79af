from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.rounding import apart, rounded_up


@pytest.mark.parametrize(
    ("a", "b", "shown"),
    [
        (0.30004, 0.3, ("0.30004", "0.3")),
        (0.5, 0.1, ("0.5", "0.1")),
        (1234.0, 1235.0, ("1234", "1235")),
        (0.1 + 0.2, 0.3, ("0.30000000000000004", "0.3")),
        (0.12345, 0.12345, ("0.123", "0.123")),
    ],
)
def test_unequal_numbers_look_unequal(a: float, b: float, shown: tuple[str, str]) -> None:
    assert apart(a, b) == shown


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_the_larger_of_two_looks_larger(a: float, b: float) -> None:
    shown_a, shown_b = map(float, apart(a, b))
    assert (shown_a < shown_b) == (a < b)
    assert (shown_a > shown_b) == (a > b)


@pytest.mark.parametrize(("x", "shown"), [(0.301, "0.31"), (0.3, "0.3"), (123.4, "124"), (9.99, "10"), (12.01, "13")])
def test_rounding_up_keeps_few_digits(x: float, shown: str) -> None:
    assert rounded_up(x) == shown


@given(st.floats(1e-6, 1e6))
def test_rounding_up_never_ends_below(x: float) -> None:
    assert x <= float(rounded_up(x)) <= x * 1.11
