from __future__ import annotations

import dataclasses
import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from tiernas.engines import Measurement
from tiernas.errors import UsageError
from tiernas.latency.advice import Candidate, advise
from tiernas.latency.trusted import trusted_interval
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


@pytest.mark.parametrize(
    ("low", "words"),
    [
        (interval(4.5, 0.05), "slower than"),
        (interval(4.3, 0.05), "not faster than"),
        (interval(4.2, 0.0), "not faster than"),
        (interval(4.05, 0.2), "not faster than"),
    ],
)
def test_slower_or_overlapping_is_refused(low: Measurement, words: str) -> None:
    found = advise(Candidate("int8", low), Candidate("fp32", interval(4.2, 0.05)))
    assert not found.recommended
    assert found.reason == f"int8 is {words} fp32 here: deploy fp32"


def test_small_gains_are_told_in_per_cent() -> None:
    for exact_ms, gain in ((1.031, "3.1 %"), (1.0004, "0.04 %")):
        found = advise(Candidate("bf16", interval(1.0, 0.0001)), Candidate("fp32", interval(exact_ms, 0.0001)))
        assert found.recommended
        assert found.reason.startswith(f"bf16 is {gain} faster than fp32")


@pytest.mark.parametrize(
    ("accuracy", "recommended", "words"),
    [
        (0.80, True, "and loses nothing"),
        (0.76, True, "and loses nothing"),
        (0.75, True, "loses 1.00 points of accuracy"),
        (0.749996, False, "loses 1.0004 points of accuracy, more than the 1 allowed: deploy fp32"),
        (0.749, False, "loses 1.1 points of accuracy, more than the 1 allowed: deploy fp32"),
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


@pytest.mark.parametrize("unstable", ["int8", "fp32"])
def test_an_unstable_measurement_is_told_and_decides_nothing(unstable: str) -> None:
    low, exact = (
        Candidate(name, dataclasses.replace(interval(ms, 0.1), unstable=name == unstable))
        for name, ms in [("int8", 1.0), ("fp32", 2.0)]
    )
    found = advise(low, exact)
    assert found.recommended
    assert found.reason.endswith(f"(the measurement of {unstable} was unstable)")


@pytest.mark.parametrize(("unstable", "recommended"), [(False, True), (True, False)])
def test_an_unstable_measurement_must_be_further_apart(unstable: bool, recommended: bool) -> None:
    low, exact = interval(1.8, 0.05), interval(2.0, 0.05)
    found = advise(Candidate("int8", dataclasses.replace(low, unstable=unstable)), Candidate("fp32", exact))
    assert found.recommended == recommended
    if unstable:
        assert found.reason == (
            "int8 took 1.8 ms and fp32 2 ms, which is no clear difference for measurements that were not steady: "
            "deploy fp32, or measure again on a quiet machine"
        )


REPEAT = Path(__file__).parents[2] / "benchmarks" / "latency" / "results" / "repeat.json"
"""Networks in fp32 and int8, each measured in five processes on a machine where nearly all records are unstable."""


def repeated() -> dict[tuple[str, str], list[Measurement]]:
    def of(record: dict[str, Any]) -> Measurement:
        return Measurement(p90_ms=0.0, p95_ms=0.0, p99_ms=0.0, **record)

    rows = json.loads(REPEAT.read_text())
    return {(row["network"], row["precision"]): [of(record) for record in row["quiet"]] for row in rows}


@pytest.mark.parametrize(
    ("network", "decided"),
    [
        ("gpunet_0", 5),  # 21 to 22 ms against 64 to 66
        ("timm:efficientnet_b0", 0),  # 12 ms in both
        ("timm:mobilenetv3_large_100", 2),  # 3.6 to 5.6 ms against 6.1 to 6.9, and int8 differed by half in itself
        ("timm:mobilenetv3_small_100", 4),  # 1.3 to 1.5 ms against 1.6 to 1.8
    ],
)
def test_on_a_noisy_machine_what_is_far_apart_is_decided(network: str, decided: int) -> None:
    measured = repeated()
    pairs = zip(measured[network, "int8"], measured[network, "fp32"], strict=True)
    advices = [advise(Candidate("int8", low), Candidate("fp32", exact)) for low, exact in pairs]
    assert sum(advice.recommended for advice in advices) == decided


def test_widened_intervals_cover_what_other_processes_measured() -> None:
    records = [
        (found, statistics.median(other.latency_ms for other in repeats))
        for repeats in repeated().values()
        for found in repeats
    ]
    widened = [
        (trusted_interval(found.latency_ms, found.low_ms, found.high_ms, unstable=found.unstable), centre_ms)
        for found, centre_ms in records
    ]
    assert sum(found.low_ms <= centre_ms <= found.high_ms for found, centre_ms in records) == 28
    assert sum(low_ms <= centre_ms <= high_ms for (low_ms, high_ms), centre_ms in widened) == 39
    assert len(records) == 40
