"""Which networks are within limits, and what is told of those that are not."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import tokens

from tiernas.errors import UsageError
from tiernas.limits import Limits, WithinLimits, figures_of
from tiernas.networks import cost
from tiernas.spaces import get_space
from tiernas.spaces.sizes import network_sizes

SPACE = get_space("gpunet-small")
VECTORS = SPACE.sample(256, seed=3)
FIGURES = {
    precision: figures_of(network_sizes(SPACE, VECTORS, 10), precision, 1) for precision in ("fp32", "bf16", "int8")
}
QUANTILES = st.one_of(st.none(), st.floats(0, 1))


def within(limits: Limits, precision: str = "fp32", num_classes: int = 10, batch: int = 1) -> WithinLimits:
    return WithinLimits(limits, SPACE, num_classes=num_classes, precision=precision, batch=batch)


def at(quantile: float | None, name: str, precision: str) -> float | None:
    """The figure of a network, as a limit."""
    return None if quantile is None else float(np.quantile(FIGURES[precision][name], quantile, method="nearest"))


@settings(max_examples=40)
@given(QUANTILES, QUANTILES, QUANTILES, QUANTILES, st.sampled_from(sorted(FIGURES)))
def test_a_network_is_within_the_limits_if_each_figure_is(
    params: float | None, macs: float | None, weights: float | None, activations: float | None, precision: str
) -> None:
    limits = Limits(
        at(params, "params", precision),  # type: ignore[arg-type]
        at(macs, "macs", precision),  # type: ignore[arg-type]
        at(weights, "weights_mb", precision),
        at(activations, "activations_mb", precision),
    )
    allowed = within(limits, precision)(VECTORS)
    for number, found in enumerate(allowed):
        figures = {name: float(values[number]) for name, values in FIGURES[precision].items()}
        assert found == (not limits.exceeded_by(figures))


@settings(max_examples=40)
@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_what_the_nearest_needs_is_enough_for_it(params: float, activations: float) -> None:
    limits = Limits(
        params=int(at(params, "params", "fp32") or 0), activations_mb=at(activations, "activations_mb", "fp32")
    )
    beyond = VECTORS[~within(limits)(VECTORS)]
    needed = dict(part.split(" = ") for part in within(limits).needed_by(beyond).split(" and "))
    assert needed.keys() <= limits.given.keys()
    raised = {**limits.given, **{name: float(value) for name, value in needed.items()}}
    assert within(Limits(**raised))(beyond).any()  # type: ignore[arg-type]


def test_without_limits_nothing_is_counted() -> None:
    vectors = tokens.SPACE.sample(5)  # its blocks count no sizes
    unlimited = WithinLimits(Limits(), tokens.SPACE, num_classes=5, precision="mixed", batch=1)
    assert unlimited(vectors).tolist() == [True] * 5
    limited = WithinLimits(Limits(macs=1), tokens.SPACE, num_classes=5, precision="mixed", batch=1)
    with pytest.raises(UsageError, match="does not count its parameters and feature maps"):
        limited(vectors)


def test_no_networks_are_within_any_limit() -> None:
    assert within(Limits(params=1))(VECTORS[:0]).tolist() == []


def test_the_classifier_counts() -> None:
    params = cost(SPACE.decode(VECTORS[0]), 10).params
    assert within(Limits(params=params))(VECTORS[:1]).all()
    assert not within(Limits(params=params), num_classes=11)(VECTORS[:1]).any()


def test_the_batch_counts() -> None:
    limits = Limits(activations_mb=float(FIGURES["fp32"]["activations_mb"][0]))
    assert within(limits)(VECTORS[:1]).all()
    assert not within(limits, batch=2)(VECTORS[:1]).any()
    assert within(limits, "bf16", batch=2)(VECTORS[:1]).all()


def test_which_limit_excludes_how_many() -> None:
    figures = FIGURES["fp32"]
    order = np.argsort(figures["params"])
    least, most = figures["params"][order[0]], figures["macs"].max()
    told = within(Limits(params=int(least) - 1, macs=int(most))).excluding(VECTORS)
    assert told == f"params = {least - 1:.0f} excludes 256; the nearest one needs params = {least:.0f}"
    some = int(figures["macs"][order[0]])
    told = within(Limits(params=int(least) - 1, macs=some)).excluding(VECTORS)
    count = int((figures["macs"] > some).sum())
    assert re.fullmatch(
        rf"params = \d+ excludes 256 and macs = {some} excludes {count}; the nearest one needs params = \d+", told
    )


def test_a_precision_without_a_width_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^weights_mb = 3: precision 'mixed'"):
        within(Limits(weights_mb=3), "mixed")
