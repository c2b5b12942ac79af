from __future__ import annotations

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.engines import InTurn
from tiernas.errors import UsageError

_TIMES, _COUNTS = st.floats(1e-6, 1e7), st.integers(0, 10**6)
_RATIOS = st.floats(0, exclude_min=True, allow_infinity=False)
FOUND = InTurn("digest", 1.7, 1.69, 1.71, 1.9, 100, 40, 10.0, 9.9, 10.2, 12.0, 10.1, "2026-01-01T00:00:00+00:00")


@given(
    st.builds(InTurn, st.text(), *[_RATIOS] * 4, *[_COUNTS] * 2, *[_TIMES] * 5, st.text()),
    st.tuples(_RATIOS, _RATIOS, _RATIOS).map(sorted),
)
def test_round_trip(found: InTurn, ratios: list[float]) -> None:
    low, ratio, high = ratios
    pairs = max(found.pairs, found.quiet_pairs)
    found = dataclasses.replace(found, ratio=ratio, ratio_low=low, ratio_high=high, pairs=pairs)
    assert InTurn.from_dict(json.loads(json.dumps(dataclasses.asdict(found)))) == found


def test_keys_of_later_versions_are_passed_over() -> None:
    assert InTurn.from_dict(dataclasses.asdict(FOUND) | {"newer": 1}) == FOUND


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(InTurn)])
def test_missing_keys_and_bad_values_are_named(name: str) -> None:
    data = dataclasses.asdict(FOUND)
    bad: object
    for bad in (None, [], True):
        with pytest.raises(UsageError, match=f"in_turn: {name} = .*must be"):
            InTurn.from_dict(data | {name: bad})
    del data[name]
    with pytest.raises(UsageError, match=f"in_turn: key '{name}' is missing"):
        InTurn.from_dict(data)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ratio", 0.0, "a number above 0"),
        ("ratio_low", -1.0, "a number above 0"),
        ("ratio_high", math.inf, "a number above 0"),
        ("ratio_found", math.nan, "a number above 0"),
        ("pairs", -1, "a whole number, at least 0"),
        ("quiet_pairs", 1.0, "a whole number, at least 0"),
        ("anchor_ms", 0.0, "a number of ms from 1e-06 to 1e"),
        ("measured_at", 2026, "a string"),
    ],
)
def test_values_that_cannot_be_are_told(name: str, value: object, allowed: str) -> None:
    with pytest.raises(UsageError, match=f"{name} = .*: must be {allowed}"):
        InTurn.from_dict(dataclasses.asdict(FOUND) | {name: value})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ratio": 1.6}, r"ratio = 1\.6: must be in its interval, 1\.69 to 1\.71"),
        ({"ratio": 1.8}, r"ratio = 1\.8: must be in its interval"),
        ({"quiet_pairs": 101}, "quiet_pairs = 101: must be at most pairs = 100"),
    ],
)
def test_values_that_cannot_be_together_are_told(changes: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=f"in_turn: {words}"):
        InTurn.from_dict(dataclasses.asdict(FOUND) | changes)


def test_it_must_be_an_object() -> None:
    with pytest.raises(UsageError, match="in_turn must be an object, not list"):
        InTurn.from_dict([])
