from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.blocks import Block, BlockRows
from tiernas.blocks.rows import IntArray
from tiernas.errors import UsageError
from tiernas.spaces import (
    ConvNetSpace,
    SearchSpace,
    StagedArchitecture,
    StageRange,
    architecture_from_json,
    get_space,
    released,
    space_names,
)
from tiernas.spaces.consistency import inconsistency

SPACES = [get_space(name) for name in space_names()]
GPUNETS = [space for space in SPACES if isinstance(space, ConvNetSpace)]


@st.composite
def vectors(draw: st.DrawFn) -> tuple[SearchSpace, IntArray]:
    space = draw(st.sampled_from(SPACES))
    return space, np.array([draw(st.sampled_from(d.values)) for d in space.dimensions])


@given(vectors())
def test_vector_architecture_json_and_back(drawn: tuple[SearchSpace, IntArray]) -> None:
    space, vector = drawn
    architecture = space.decode(vector)
    assert architecture_from_json(architecture.to_json()) == architecture
    canonical = space.canonical(vector[None])[0]
    np.testing.assert_array_equal(space.encode(architecture), canonical)
    assert space.decode(canonical) == architecture
    np.testing.assert_array_equal(space.from_levels(space.to_levels([vector]))[0], vector)


@given(vectors())
def test_layer_groups_are_the_layers_of_each_architecture(drawn: tuple[SearchSpace, IntArray]) -> None:
    space, vector = drawn
    both = np.stack([space.sample(1)[0], vector])
    assert grouped(space, both) == [Counter(space.decode(each).layers) for each in both]


def grouped(space: SearchSpace, vectors: IntArray) -> list[Counter[Block]]:
    """The layers of each vector's network, by `layer_groups`."""
    found: list[Counter[Block]] = [Counter() for _ in vectors]
    for group in space.layer_groups(vectors):
        assert len(set(group.network)) == len(group.network)
        for layer, network, count in zip(group.rows.layers(), group.network, group.count, strict=True):
            found[network][layer] += int(count)
    return found


@given(vectors())
def test_layer_rows_round_trip(drawn: tuple[SearchSpace, IntArray]) -> None:
    space, vector = drawn
    for layer in space.decode(vector).layers:
        assert BlockRows.of([layer]).layers() == [layer]


@pytest.mark.parametrize("space", GPUNETS, ids=lambda s: s.name)
def test_every_space_has_the_41_integers(space: SearchSpace) -> None:
    names = [d.name for d in space.dimensions]
    assert len(names) == 41
    assert names[:6] == [
        "resolution",
        "stage0.filters",
        "stage1.kernel",
        "stage1.act",
        "stage1.layers",
        "stage2.filters",
    ]
    assert names[-6:] == [f"stage7.{f}" for f in ("filters", "kernel", "expansion", "se", "act", "layers")]


def test_gpunet_is_table_1_of_the_paper() -> None:
    values = {d.name: d.values for d in get_space("gpunet").dimensions}
    assert values["resolution"] == tuple(range(224, 513, 32))
    assert values["stage0.filters"] == (24, 32)
    assert values["stage1.layers"] == (1, 2, 3, 4)
    assert values["stage2.filters"] == (32, 48, 64, 80)
    assert values["stage3.filters"] == (48, 64, 80, 96, 112)
    assert values["stage4.layers"] == tuple(range(1, 11))
    assert values["stage5.layers"] == tuple(range(16))
    assert values["stage6.filters"] == tuple(range(128, 417, 32))
    assert values["stage7.filters"] == tuple(range(256, 833, 64))
    assert all(values[f"stage{i}.expansion"] == (2, 3, 4, 5, 6) for i in range(2, 8))


@pytest.mark.parametrize("name", ["gpunet_0", "gpunet_1", "gpunet_2"])
def test_released_networks_are_vectors_of_the_wide_space(name: str) -> None:
    space, architecture = get_space("gpunet-wide"), released(name)
    decoded = space.decode(space.encode(architecture))
    assert isinstance(decoded, StagedArchitecture)
    ours = [(s.block, s.filters, s.kernel, s.layers, s.expansion, s.activation) for s in decoded.stages]
    theirs = [(s.block, s.filters, s.kernel, s.layers, s.expansion, s.activation) for s in architecture.stages]
    assert ours == theirs
    assert (decoded.stem, decoded.head) == (architecture.stem, architecture.head)


@pytest.mark.parametrize("name", ["gpunet_p0", "gpunet_p1", "gpunet_d1", "gpunet_d2"])
def test_released_networks_outside_the_space_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="gpunet-wide"):
        get_space("gpunet-wide").encode(released(name))


@pytest.mark.parametrize("space", GPUNETS, ids=lambda s: s.name)
def test_samples_are_canonical_deterministic_and_inside(space: SearchSpace) -> None:
    sample = space.sample(500, seed=3)
    assert sample.shape == (500, 41)
    np.testing.assert_array_equal(sample, space.sample(1000, seed=3)[:500])
    np.testing.assert_array_equal(sample, space.canonical(space.validate(sample)))
    assert not np.array_equal(sample, space.sample(500, seed=4))
    for i, dimension in enumerate(space.dimensions[:5]):
        counts = np.array([np.sum(sample[:, i] == v) for v in dimension.values])
        assert counts.min() > 0.8 * 500 / len(dimension.values)


def test_size_of_the_space() -> None:
    # resolution, filters of the stem, kernel, activation, layers of stage 1; then per stage filters x kernel x
    # expansion x squeeze-excitation x activation x layers
    stem = 10 * 2 * 2 * 2 * 4
    stages = [(4, 8), (5, 8), (7, 10), (8, 16), (10, 15), (10, 16)]
    expected = stem
    for filters, layers in stages:
        expected *= filters * 2 * 5 * 2 * 2 * layers
    assert get_space("gpunet").size == expected


def test_a_stage_without_layers_counts_once() -> None:
    space = get_space("gpunet-small")
    sample = space.sample(4)
    names = [d.name for d in space.dimensions]
    sample[:, names.index("stage5.layers")] = 0
    sample[:, names.index("stage5.filters")] = [48, 64, 80, 96]
    assert len(np.unique(space.canonical(sample)[:, names.index("stage5.filters")])) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v[:-1], "41 integers; got an array of shape 1x40"),
        (lambda v: np.where(np.arange(41) == 5, 33, v), r"stage2.filters \(position 5\) = 33.*16, 24, 32"),
        (lambda v: v + 0.5, "integers"),
    ],
)
def test_bad_vectors_are_explained(change: object, message: str) -> None:
    space = get_space("gpunet-small")
    assert callable(change)
    with pytest.raises(UsageError, match=message):
        space.decode(change(space.sample(1)[0]))


PARTS: dict[str, Any] = {
    "resolution": (16, 40),
    "stem_filters": (8, 16),
    "stem_layers": (1, 2),
    "stages": (StageRange(filters=(8, 24, 8), layers=(0, 2)),) * 6,
    "head_filters": 64,
    "num_classes": 5,
}
"""Of a space of one's own."""


def _stages(**changes: Any) -> dict[str, Any]:
    first, *others = PARTS["stages"]
    return {"stages": (replace(first, **changes), *others)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stem_filters": (8, 12)}, "stage0.filters = 12: must be positive multiples of 8"),
        ({"stem_filters": (0, 8)}, "stage0.filters = 0"),
        (_stages(filters=(12, 24, 4)), "stage2.filters = 12, 20: must be positive multiples of 8"),
        (_stages(kernel=(3, 4)), "stage2.kernel = 4: must be odd"),
        (_stages(kernel=(5, 3)), r"stage2.kernel: \[5, 3\]: must be increasing"),
        (_stages(expansion=(0, 3)), "stage2.expansion = 0: must be at least 1"),
        (_stages(expansion=(1.5, 3)), "range from 1.5 to 3"),
        (_stages(filters=(8, 24, 0)), "range from 8 to 24 in steps of 0"),
        (_stages(layers=(3, 1)), r"stage2.layers: \[\]"),
        (_stages(layers=(-1, 1)), "stage2.layers = -1: must be at least 0"),
        ({"stem_layers": (0, 2)}, "stage1.layers = 0: must be at least 1"),
        ({"resolution": (40, 16)}, r"resolution: \[40, 16\]: must be increasing"),
        ({"resolution": (16, 16)}, "resolution: .*increasing"),
        ({"resolution": (16.5,)}, "resolution: .*whole numbers"),
        ({"resolution": (0, 16)}, "resolution = 0"),
        ({"head_filters": 0}, "head_filters = 0"),
        ({"num_classes": 0}, "num_classes = 0"),
        ({"stages": PARTS["stages"][1:]}, "5 stages; must be 6"),
        ({"name": ""}, "needs a name"),
    ],
)
def test_what_no_network_can_have_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ConvNetSpace(**({"name": "mine"} | PARTS | change))


_INCREASING = st.lists(st.integers(1, 60), min_size=1, max_size=3, unique=True).map(lambda v: tuple(sorted(v)))


@given(
    resolution=_INCREASING,
    change=st.one_of(
        st.builds(lambda *bounds: {"filters": bounds}, st.integers(1, 20), st.integers(10, 40), st.integers(1, 9)),
        st.builds(lambda kernel: {"kernel": kernel}, _INCREASING),
        st.builds(lambda *bounds: {"expansion": bounds}, st.integers(0, 3), st.integers(1, 6)),
        st.builds(lambda *bounds: {"layers": bounds}, st.integers(0, 2), st.integers(0, 3)),
    ),
    stem_filters=_INCREASING | st.just((8, 16)),
    stage=st.integers(0, 5),
    seed=st.integers(0, 9),
)
def test_a_space_that_is_accepted_has_the_layers_of_its_networks(
    resolution: tuple[int, ...], change: dict[str, Any], stem_filters: tuple[int, ...], stage: int, seed: int
) -> None:
    stages = list(PARTS["stages"])
    stages[stage] = replace(stages[stage], **change)
    parts = {"resolution": resolution, "stem_filters": stem_filters, "stages": tuple(stages)}
    try:
        space = ConvNetSpace("mine", **(PARTS | parts))
    except UsageError:
        return  # told, not estimated wrongly
    for vector in space.sample(3, seed):
        assert grouped(space, vector[None]) == [Counter(space.decode(vector).layers)]


EMPTY = (StageRange(filters=(8, 24, 8), layers=(0, 2)),) * 6
NEEDED = StageRange(filters=(8, 24, 8), layers=(1, 2))


@pytest.mark.parametrize(
    "stages",
    [
        EMPTY,
        (StageRange(filters=(8, 16, 8), layers=(0, 2)), *EMPTY[1:]),
        (StageRange(filters=(8, 24, 8), layers=(0, 1), kernel=(3,)), *EMPTY[1:]),
        (EMPTY[0], NEEDED, EMPTY[2], EMPTY[3], NEEDED, EMPTY[5]),
        (*EMPTY[:4], StageRange(filters=(16, 24, 8), layers=(0, 3)), NEEDED),
    ],
    ids=["all empty", "other filters", "other layers and kernels", "some needed", "wider later"],
)
def test_stages_that_may_be_empty_and_are_alike_do_not_make_two_vectors_of_one_network(
    stages: tuple[StageRange, ...],
) -> None:
    assert inconsistency(ConvNetSpace("mine", **(PARTS | {"stages": stages}))) is None


def test_a_stage_is_the_earliest_one_that_allows_it() -> None:
    first = StageRange(filters=(8, 16, 8), layers=(0, 2))
    space = ConvNetSpace("mine", **(PARTS | {"stages": (first, *EMPTY[1:])}))
    names = [dimension.name for dimension in space.dimensions]
    empty = space.sample(1)
    for name in names[5:]:
        empty[:, names.index(name)] = space.dimensions[names.index(name)].values[0]
    third = names.index("stage3.filters")
    vectors = np.repeat(empty, 3, axis=0)
    vectors[:2, third : third + 6] = [[16, 5, 4, 1, 1, 2], [24, 5, 4, 1, 1, 2]]
    kept = vectors.copy()
    moved, stays, none = space.canonical(vectors)
    assert moved[5:11].tolist() == [16, 5, 4, 1, 1, 2]
    assert moved[third:].tolist() == empty[0, third:].tolist()
    np.testing.assert_array_equal([stays, none], kept[1:])
    np.testing.assert_array_equal(vectors, kept)
    assert [space.encode(space.decode(vector)).tolist() for vector in vectors] == [
        each.tolist() for each in (moved, stays, none)
    ]


def test_digests_tell_spaces_of_one_name_apart() -> None:
    space = ConvNetSpace("mine", **PARTS)
    assert space.digest == ConvNetSpace("mine", **PARTS).digest
    others: list[dict[str, Any]] = [{"head_filters": 72}, {"resolution": (16, 48)}, _stages(kernel=(3, 7))]
    assert len({space.digest, *(ConvNetSpace("mine", **(PARTS | change)).digest for change in others)}) == 4


def test_unknown_space_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="gpunet, gpunet-wide, gpunet-small"):
        get_space("resnet")


def test_sampling_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="n = 0"):
        get_space("gpunet").sample(0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "contain integers; got object"),
        ("abc", "contain integers; got <U"),
        (float("nan"), "contain integers; got float64"),
        (float("inf"), "contain integers; got one of inf"),
        (10**400, "contain integers; got object"),
        (2**63, "contain integers; got one of 9.22e"),
        (-(2**63), r"resolution \(position 0\) = -9223372036854775808 is not in space"),
        (0, r"resolution \(position 0\) = 0 is not in space 'gpunet'; allowed: 224"),
        (True, "is not in space"),
    ],
)
def test_a_vector_of_anything_else_is_refused(value: object, message: str) -> None:
    space = get_space("gpunet")
    with pytest.raises(UsageError, match=message):
        space.decode([value, *space.sample(1)[0].tolist()[1:]])


def test_vectors_of_different_lengths_are_refused() -> None:
    with pytest.raises(UsageError, match="must all have the same length"):
        get_space("gpunet").validate([[1, 2], [3]])


@pytest.mark.parametrize("thing", [None, {}, "gpunet_0", 3, [1, 2]])
def test_only_an_architecture_is_encoded(thing: Any) -> None:
    with pytest.raises(UsageError, match=f"encodes a staged architecture, not {type(thing).__name__}"):
        get_space("gpunet").encode(thing)


def test_a_network_without_stages_is_in_no_space() -> None:
    with pytest.raises(UsageError, match="it has no stages"):
        get_space("gpunet").encode(replace(released("gpunet_0"), stages=()))
