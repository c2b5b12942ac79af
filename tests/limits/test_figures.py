"""Bytes of parameters and feature maps, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tiernas.blocks import Sizes
from tiernas.errors import UsageError
from tiernas.limits import Limits, figures_of, memory_mb, require_width

SIZES = Sizes(*(np.array([count], dtype=float) for count in (1_000_000, 10_000, 3_000_000, 250_000)))
"""One network: weights, other parameters, multiply-accumulates, elements of feature maps."""


@pytest.mark.parametrize(
    ("precision", "weights_mb", "activations_mb"),
    [
        ("fp32", 4.04, 1.0),
        ("tf32", 4.04, 1.0),
        ("fp16", 2.02, 0.5),
        ("bf16", 2.02, 0.5),
        ("int8", 1.04, 0.25),
        ("int4", 0.54, 0.125),
    ],
)
def test_megabytes_depend_on_the_precision(precision: str, weights_mb: float, activations_mb: float) -> None:
    figures = figures_of(SIZES, precision, 1)
    assert (figures["params"].tolist(), figures["macs"].tolist()) == ([1_010_000], [3_000_000])
    assert figures["weights_mb"].tolist() == pytest.approx([weights_mb])
    assert figures["activations_mb"].tolist() == pytest.approx([activations_mb])


def test_feature_maps_are_those_of_a_batch() -> None:
    one, eight = (figures_of(SIZES, "fp32", batch) for batch in (1, 8))
    assert eight["activations_mb"] == 8 * one["activations_mb"]
    assert [eight[name] for name in ("params", "macs", "weights_mb")] == [
        one[name] for name in ("params", "macs", "weights_mb")
    ]


def test_the_memory_of_one_network() -> None:
    assert memory_mb(SIZES, "int8", 2) == {"weights_mb": 1.04, "activations_mb": 0.5}
    unknown = {"weights_mb": None, "activations_mb": None}
    assert memory_mb(SIZES, "mixed", 2) == memory_mb(None, "int8", 2) == unknown


def test_a_precision_without_a_width_has_no_megabytes() -> None:
    assert figures_of(SIZES, "mixed", 1).keys() == {"params", "macs"}
    require_width(Limits(params=1, macs=1), "mixed")
    require_width(Limits(weights_mb=1, activations_mb=1), "int8")
    with pytest.raises(
        UsageError, match=r"^activations_mb = 2: precision 'mixed' does not say .* limit params and macs"
    ):
        require_width(Limits(activations_mb=2), "mixed")
