from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.engines import InTurn
from tiernas.errors import UsageError
from tiernas.latency.measuring.advice import Advice, PrecisionOption, advise, advise_unmeasured

INT8, FP32 = PrecisionOption("int8"), PrecisionOption("fp32")


def in_turn(ratio: float, half: float = 0.0) -> InTurn:
    """A ratio whose interval is so wide on both sides."""
    return InTurn(
        anchor="0" * 16,
        ratio=ratio,
        ratio_low=ratio - half,
        ratio_high=ratio + half,
        ratio_found=ratio,
        pairs=100,
        quiet_pairs=90,
        anchor_ms=2.0,
        anchor_low_ms=2.0,
        anchor_high_ms=2.0,
        anchor_found_ms=2.0,
        anchor_quiet_ms=2.0,
        measured_at="2026-01-01T00:00:00+00:00",
    )


def advice(ratio: float, half: float = 0.0) -> Advice:
    return advise(INT8, FP32, in_turn(ratio, half))


def test_faster_is_recommended() -> None:
    found = advice(0.5, 0.005)
    assert found.recommended
    assert found.speedup == pytest.approx(2.0)
    assert [found.speedup_low, found.speedup_high] == pytest.approx([1 / 0.505, 1 / 0.495])
    assert found.reason == "int8 is 2x as fast as fp32; its effect on the accuracy was not measured"


def test_how_much_faster_is_told_by_an_interval_where_that_is_wide() -> None:
    found = advice(0.5, 0.1)
    assert found.recommended
    assert found.reason.startswith("int8 is 2x as fast as fp32 (between 1.67x and 2.5x); ")


@pytest.mark.parametrize(
    ("ratio", "half", "reason"),
    [
        (1.1, 0.01, "int8 is slower than fp32 here: deploy fp32"),
        (1.3, 0.2, "int8 is slower than fp32 here: deploy fp32"),
        (1.0, 0.0, "int8 is not faster than fp32 here: deploy fp32"),
        (0.99, 0.01, "int8 is not faster than fp32 here: deploy fp32"),
        (
            0.8,
            0.25,
            "int8 is 0.95 to 1.8x as fast as fp32, which is not a clear difference: deploy fp32, or measure again on a "
            "quieter machine or longer",
        ),
    ],
)
def test_slower_or_undecided_is_refused(ratio: float, half: float, reason: str) -> None:
    found = advice(ratio, half)
    assert (found.recommended, found.reason) == (False, reason)


@given(st.floats(0.1, 5), st.floats(0, 0.9))
def test_the_interval_decides_and_nothing_else(ratio: float, share: float) -> None:
    compared = in_turn(ratio, ratio * share)
    assert advise(INT8, FP32, compared).recommended == (compared.ratio_high < 1)
    otherwise = replace(compared, ratio_found=1 / ratio, quiet_pairs=0, anchor_found_ms=9.0)
    assert advise(INT8, FP32, otherwise) == advise(INT8, FP32, compared)


def test_small_gains_are_told_in_per_cent() -> None:
    for speedup, gain in ((1.031, "3.1 %"), (1.0004, "0.04 %")):
        found = advise(PrecisionOption("bf16"), FP32, in_turn(1 / speedup, 0.0001))
        assert found.recommended
        assert found.reason.startswith(f"bf16 is {gain} faster than fp32")


@pytest.mark.parametrize(
    ("accuracy", "recommended", "words"),
    [
        (0.80, True, "and loses no accuracy"),
        (0.76, True, "and loses no accuracy"),
        (0.75, True, "loses 1.00 points of accuracy"),
        (0.749996, False, "loses 1.0004 points of accuracy, more than the 1 allowed: deploy fp32"),
        (0.749, False, "loses 1.1 points of accuracy, more than the 1 allowed: deploy fp32"),
    ],
)
def test_accuracy_is_kept_within_the_budget(accuracy: float, recommended: bool, words: str) -> None:
    found = advise(PrecisionOption("int8", accuracy), PrecisionOption("fp32", 0.76), in_turn(0.5))
    assert found.recommended == recommended
    assert words in found.reason


def test_budget_can_be_chosen() -> None:
    low, exact, compared = PrecisionOption("int8", 0.755), PrecisionOption("fp32", 0.76), in_turn(0.5)
    assert advise(low, exact, compared, budget_points=0.5).recommended
    assert not advise(low, exact, compared, budget_points=0.4).recommended
    with pytest.raises(UsageError, match="budget"):
        advise(low, exact, compared, budget_points=-1)


@pytest.mark.parametrize(
    ("accuracy", "fits", "words"),
    [
        (0.80, True, "int8 loses no accuracy; whether it is faster than fp32 there was not measured"),
        (0.795, True, "int8 loses 0.50 points of accuracy; whether"),
        (0.78, False, "int8 loses 2 points of accuracy, more than the 1 allowed; whether"),
    ],
)
def test_where_the_speed_cannot_be_compared_the_accuracy_decides(accuracy: float, fits: bool, words: str) -> None:
    low, exact = PrecisionOption("int8", accuracy), PrecisionOption("fp32", 0.80)
    found = advise_unmeasured(low, exact, budget_points=1.0)
    assert found[0] == fits
    assert found[1].startswith(words)
