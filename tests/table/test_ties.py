from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tiernas.table import Entry
from tiernas.table.ties import Standing, pareto_front, standings, tied, ties_with
from tiernas.testing.entries import entry


def counted(name: str, latency_ms: float, right: int, of: int | None = 270, **changes: Any) -> Entry:
    """An entry with `right` of 270 correct; `of` is what it says of that number."""
    return dataclasses.replace(entry(name, latency_ms, right / 270), test_images=of, **changes)


FAST, MIDDLE, SLOW = counted("fast", 0.2, 240), counted("middle", 0.5, 265), counted("slow", 0.9, 267)


def test_two_of_270_images_are_a_tie() -> None:
    assert tied(MIDDLE, SLOW)
    assert not tied(FAST, MIDDLE)


def test_without_the_number_of_images_only_equal_accuracies_tie() -> None:
    unknown = counted("unknown", 0.4, 265, of=None)
    assert tied(unknown, MIDDLE)
    assert not tied(unknown, SLOW)


def test_the_best_and_those_that_tie_with_it_are_found() -> None:
    found = standings([FAST, MIDDLE, SLOW])
    assert found == {"slow": Standing.BEST, "middle": Standing.TIED}
    assert ties_with(SLOW, [FAST, MIDDLE, SLOW]) == [MIDDLE]


def test_of_equally_accurate_ones_the_fastest_is_best() -> None:
    found = standings([counted("b", 0.5, 267), counted("a", 0.3, 267)])
    assert found == {"a": Standing.BEST, "b": Standing.TIED}


@pytest.mark.parametrize(
    "change",
    [
        {"data": "photos"},
        {"data_digest": "1" * 16},
        {"device": "V100"},
        {"engine": "onnxruntime"},
        {"batch": 8},
        {"threads": 2},
    ],
)
def test_only_entries_that_can_be_compared_tie(change: dict[str, Any]) -> None:
    other = dataclasses.replace(MIDDLE, name="other", **change)
    assert ties_with(SLOW, [SLOW, other]) == []
    assert standings([SLOW, other]) == {"slow": Standing.BEST, "other": Standing.BEST}


def test_an_entry_that_is_not_recommended_has_no_standing() -> None:
    best = dataclasses.replace(SLOW, recommended=False)
    assert standings([best, MIDDLE]) == {"middle": Standing.BEST}
    assert ties_with(MIDDLE, [best, MIDDLE]) == []


def test_pareto_front_holds_what_nothing_beats() -> None:
    entries = [entry("d", 0.9, 0.90), entry("a", 0.2, 0.80), entry("b", 0.4, 0.79), entry("c", 0.5, 0.91)]
    assert [e.name for e in pareto_front([*entries, entry("e", 0.5, 0.90)])] == ["a", "c"]
    assert pareto_front([]) == []
