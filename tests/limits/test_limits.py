"""Limits as values: what they refuse, and how they are told."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.errors import UsageError
from tiernas.limits import Limits

FIGURES: dict[str, float | None] = {"params": 1000, "macs": 2000, "weights_mb": 0.004, "activations_mb": None}


def test_without_limits_nothing_is_too_much() -> None:
    assert (Limits().given, Limits().words, Limits().exceeded_by(FIGURES)) == ({}, "", [])


def test_in_words() -> None:
    limits = Limits(params=2_000_000, weights_mb=1.5)
    assert limits.words == "at most 2,000,000 parameters and 1.5 MB of weights"
    assert (
        Limits(macs=300, activations_mb=2).words
        == "at most 300 multiply-accumulates and 2 MB of feature maps at a time"
    )


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(params=1000, macs=2000, weights_mb=0.004), []),
        (Limits(params=999), ["has 1000 parameters, more than 999"]),
        (
            Limits(params=10, macs=20),
            ["has 1000 parameters, more than 10", "has 2000 multiply-accumulates, more than 20"],
        ),
        (Limits(weights_mb=0.0039999), ["has 0.004 MB of weights, more than 0.0039999"]),
        (Limits(activations_mb=9.0), ["does not say its activations_mb"]),
    ],
)
def test_what_is_too_much_is_told(limits: Limits, said: list[str]) -> None:
    assert limits.exceeded_by(FIGURES) == said


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_a_limit_itself_is_allowed_and_one_more_is_not(limit: int, params: int) -> None:
    assert bool(Limits(params=limit).exceeded_by({"params": params})) == (params > limit)


@pytest.mark.parametrize("value", [0, -1, math.nan])
@pytest.mark.parametrize("name", ["params", "macs", "weights_mb", "activations_mb"])
def test_a_limit_must_be_above_zero(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=rf"^{name} = {value}: must be above 0$"):
        Limits(**{name: value})  # type: ignore[arg-type]
