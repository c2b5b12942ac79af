from __future__ import annotations

import dataclasses

import pytest

from tiernas.engines import Measurement
from tiernas.errors import UsageError
from tiernas.latency.advice import Candidate, advise
from tiernas.testing.latency import measurement


def interval(latency_ms: float, half_ms: float) -> Measurement:
    """A stable measurement whose interval is so wide on both sides."""
    found = measurement(latency_ms)
    return dataclasses.replace(found, low_ms=latency_ms - half_ms, high_ms=latency_ms + half_ms)


def test_faster_is_recommended() -> None:
    found = advise(Candidate("int8", interval(2.0, 0.1)), Candidate("fp32", interval(4.2, 0.1)))
    assert found.recommended
    assert found.speedup == pytest.approx(2.1)
    assert found.reason == "int8 is 2.1x as fast as fp32; what it does to the accuracy was not measured"


@pytest.mark.parametrize("low", [interval(4.3, 0.05), interval(4.2, 0.0), interval(4.05, 0.2)])
def test_slower_or_overlapping_is_refused(low: Measurement) -> None:
    found = advise(Candidate("int8", low), Candidate("fp32", interval(4.2, 0.05)))
    assert not found.recommended
    assert found.reason == "int8 is not faster than fp32 here: deploy fp32"


def test_small_gains_are_told_in_per_cent() -> None:
    found = advise(Candidate("bf16", interval(1.0, 0.005)), Candidate("fp32", interval(1.03, 0.005)))
    assert found.recommended
    assert found.reason.startswith("bf16 is 3.0 % faster than fp32")


@pytest.mark.parametrize(
    ("accuracy", "recommended", "words"),
    [
        (0.80, True, "and loses nothing"),
        (0.76, True, "and loses nothing"),
        (0.75, True, "loses 1.00 points of accuracy"),
        (0.749, False, "loses 1.10 points of accuracy, more than the 1 allowed: deploy fp32"),
    ],
)
def test_accuracy_is_kept_within_the_budget(accuracy: float, recommended: bool, words: str) -> None:
    found = advise(Candidate("int8", measurement(1.0), accuracy), Candidate("fp32", measurement(2.0), 0.76))
    assert found.recommended == recommended
    assert words in found.reason


def test_budget_can_be_chosen() -> None:
    low, exact = Candidate("int8", measurement(1.0), 0.755), Candidate("fp32", measurement(2.0), 0.76)
    assert advise(low, exact, budget_points=0.5).recommended
    assert not advise(low, exact, budget_points=0.4).recommended
    with pytest.raises(UsageError, match="budget"):
        advise(low, exact, budget_points=-1)


@pytest.mark.parametrize("which", [0, 1])
def test_unstable_measurements_decide_nothing(which: int) -> None:
    low, exact = (
        Candidate(name, measurement(ms, unstable=which == i)) for i, (name, ms) in enumerate([("int8", 1), ("fp32", 2)])
    )
    found = advise(low, exact)
    assert not found.recommended
    assert "measure again" in found.reason
