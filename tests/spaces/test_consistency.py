"""Each way in which the parts of a space can contradict each other is found, and told with the vector."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.tokens import Mlp, Patches, TokenSpace

from tiernas.blocks.rows import FloatArray, IntArray, Sizes
from tiernas.spaces import (
    Architecture,
    ConvNetSpace,
    LayerGroup,
    StagedArchitecture,
    StageRange,
    get_space,
    space_names,
)
from tiernas.spaces.consistency import inconsistency, random_vectors

PARTS: dict[str, Any] = {
    "resolution": (32, 48),
    "stem_filters": (8, 16),
    "stem_layers": (1, 2),
    "stages": (StageRange(filters=(8, 24, 8), layers=(1, 2)),) * 6,
    "head_filters": 64,
    "num_classes": 5,
}


def broken(**methods: Callable[..., Any]) -> ConvNetSpace:
    """A space with other methods, each of which gets that of the right space first."""
    right = ConvNetSpace("right", **PARTS)

    def changed(name: str) -> Callable[..., Any]:
        return lambda self, *arguments, **named: methods[name](getattr(right, name), *arguments, **named)

    kind = type("Broken", (ConvNetSpace,), {name: changed(name) for name in methods})
    space: ConvNetSpace = kind("broken", **PARTS)
    return space


def fewer(right: Callable[[IntArray], Iterator[LayerGroup]], vectors: IntArray) -> Iterator[LayerGroup]:
    groups = list(right(vectors))
    yield from groups[:-2]
    yield replace(groups[-2], count=groups[-2].count + (groups[-2].network == 3))
    yield groups[-1]


def outside(right: Callable[[IntArray], IntArray], vectors: IntArray) -> IntArray:
    found = right(vectors).copy()
    found[:, 0] = 33
    return found


def other_network(right: Callable[[IntArray], IntArray], vectors: IntArray) -> IntArray:
    found = right(vectors).copy()
    found[:, 0] = 32
    return found


def in_place(right: Callable[[IntArray], IntArray], vectors: IntArray) -> IntArray:
    vectors[:, 1] = 8
    return right(vectors)


def unpadded(right: Callable[[IntArray], StagedArchitecture], vector: IntArray) -> Architecture:
    architecture = right(vector)
    return replace(architecture, stages=tuple(replace(stage, padding="valid") for stage in architecture.stages))


@pytest.mark.parametrize("name", space_names())
def test_the_spaces_of_tiernas_hold_together(name: str) -> None:
    assert inconsistency(get_space(name), 32) is None


def test_a_space_of_ones_own_holds_together() -> None:
    assert inconsistency(broken()) is None


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        (
            {"layer_groups": fewer},
            r"vector [\d,]+: layer_groups has layer .+ \d times, decode\(v\)\.layers \d times",
        ),
        ({"layer_groups": lambda right, v: iter(list(right(v))[1:])}, r"layer_groups has layer .+ 0 times"),
        (
            {"canonical": outside},
            r"canonical vectors: vector 0: resolution \(position 0\) = 33 is not in space",
        ),
        ({"canonical": other_network}, r"vector 48,.*: its canonical vector 32,.* represents another network"),
        ({"canonical": in_place}, "canonical modifies its argument"),
        (
            {"canonical": lambda right, v: v[:, :-1]},
            r"canonical returns shape \(258, 40\) for vectors of shape",
        ),
        ({"encode": lambda right, a: np.zeros(41)}, r"encode\(decode\(v\)\) is 0\.0,.*, canonical\(v\) 32,8,"),
        ({"sample": lambda right, n, seed=0: right(n, seed).astype(float)}, "returns float64 of shape"),
        (
            {"decode": lambda right, v: 1 / 0},
            r"canonical vectors: ZeroDivisionError: division by zero \(.*, line \d+\)",
        ),
        (
            {"decode": lambda right, v: replace(right(v), resolution=32)},
            r"encode\(decode\(v\)\) is 32,.*, canonical\(v\) 48,",
        ),
        ({"decode": unpadded}, r"vector 32,.*: layer \d+ has no pixels left"),
    ],
)
def test_a_contradiction_is_told(methods: dict[str, Callable[..., Any]], said: str) -> None:
    found = inconsistency(broken(**methods))
    assert found is not None
    assert re.search(said, found), found
    assert "\n" not in found


def test_a_space_without_multiply_accumulates_has_no_ladder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inconsistency(TokenSpace(), 16) is None
    for block in (Patches, Mlp):
        monkeypatch.setattr(block, "work", classmethod(lambda cls, rows: {}))
    assert inconsistency(TokenSpace(), 16) == "vector 16,16,1,0: its layers count no work of a kind that ends in _macs"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (lambda m: np.full(m, -1.0), "counts weights = -1.0; must be finite and at least 0"),
        (lambda m: np.zeros((m, 1)), r"counts weights in shape \(\d+, 1\) for \d+ layers; must be one per layer"),
    ],
)
def test_sizes_that_cannot_be_are_told(
    monkeypatch: pytest.MonkeyPatch, counts: Callable[[int], FloatArray], said: str
) -> None:
    monkeypatch.setattr(Mlp, "sizes", classmethod(lambda cls, rows, classes: Sizes(*[counts(len(rows))] * 4)))
    assert re.fullmatch(f"block 'tests.tokens:Mlp' {said}", inconsistency(TokenSpace(), 16) or "")


def test_two_vectors_of_one_network_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either of two equal stages may be empty: unless `canonical` moves them, one of both is there in two vectors."""
    monkeypatch.setattr(ConvNetSpace, "_earlier", {})
    stage = replace(PARTS["stages"][0], layers=(0, 1))
    found = inconsistency(ConvNetSpace("mine", **(PARTS | {"stages": (stage,) * 6})))
    assert found is not None
    assert "canonical" in found


def test_random_vectors_begin_with_the_ends() -> None:
    space = get_space("gpunet-small")
    vectors = random_vectors(space, 10, 0)
    assert vectors.shape == (12, 41)
    assert vectors[0].tolist() == [d.values[0] for d in space.dimensions]
    assert vectors[1].tolist() == [d.values[-1] for d in space.dimensions]
    space.validate(vectors)
