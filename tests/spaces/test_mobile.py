from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tiernas.blocks import Block, ConvBlock, FusedIrbBlock, HeadBlock, IrbBlock, SeparableBlock, StemBlock
from tiernas.blocks.rows import IntArray
from tiernas.errors import UsageError
from tiernas.networks import cost
from tiernas.spaces import LayeredArchitecture, get_space, released
from tiernas.spaces.consistency import grouped_layers
from tiernas.spaces.mobile import MobileSpace

SPACE = get_space("mobile")
NAMES = [dimension.name for dimension in SPACE.dimensions]

Plan = list[tuple[int, int, int, int, int]]
"""Of each stage: expansion, filters, layers, stride, kernel."""

EFFICIENTNET: Plan = [
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
]
"""Table 1 of arXiv 1905.11946."""

MOBILENET_V2: Plan = [
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 32, 3, 2, 3),
    (6, 64, 4, 2, 3),
    (6, 96, 3, 1, 3),
    (6, 160, 3, 2, 3),
    (6, 320, 1, 1, 3),
]
"""Table 2 of arXiv 1801.04381."""


def network(plan: Plan, activation: str, *, squeeze: bool = False) -> LayeredArchitecture:
    """A network of these stages as it was published, for images of 224 pixels."""
    layers: list[Block] = [StemBlock(3, 32, 3, 1, activation, 224)]
    for expansion, filters, count, stride, kernel in plan:
        for i in range(count):
            channels, size, _ = layers[-1].out_shape
            squeezed = channels // 4 if squeeze else 0
            step = stride if i == 0 else 1
            if expansion == 1:
                layers.append(SeparableBlock(channels, filters, kernel, step, squeezed, activation, "same", size))
            else:
                mid = expansion * channels
                layers.append(IrbBlock(channels, filters, kernel, step, mid, squeezed, activation, "same", size))
    channels, size, _ = layers[-1].out_shape
    layers.append(HeadBlock(channels, 1280, 0, activation, size))
    return LayeredArchitecture(224, tuple(layers))


def stage(number: int, vector: IntArray) -> dict[str, int]:
    """What a vector says of a stage."""
    prefix = f"stage{number}."
    return {n.removeprefix(prefix): int(v) for n, v in zip(NAMES, vector, strict=True) if n.startswith(prefix)}


def changed(vector: IntArray, **values: int) -> IntArray:
    result = vector.copy()
    for name, value in values.items():
        result[NAMES.index(name.replace("_", ".", 1))] = value
    return result


def test_efficientnet_lite0_is_in_the_space_but_for_the_bound_of_its_relu6() -> None:
    published = network(EFFICIENTNET, "relu6")
    vector = SPACE.encode(published)
    assert stage(1, vector) == {
        "block": 0, "filters": 16, "kernel": 3, "expansion": 1, "se": 0, "act": 0, "layers": 1
    }  # fmt: skip
    assert stage(5, vector) == {
        "block": 1, "filters": 112, "kernel": 5, "expansion": 6, "se": 0, "act": 0, "layers": 3
    }  # fmt: skip
    decoded = SPACE.decode(vector)
    assert decoded == network(EFFICIENTNET, "relu")
    assert cost(decoded).params == 4_652_008  # of timm's efficientnet_lite0
    assert cost(decoded) == cost(published)


def test_efficientnet_b0_is_in_the_space() -> None:
    published = network(EFFICIENTNET, "swish", squeeze=True)
    assert SPACE.decode(SPACE.encode(published)) == published
    assert cost(published).params == 5_288_548  # of timm's efficientnet_b0


def test_mobilenet_v2_is_in_the_space_but_for_the_bound_of_its_relu6() -> None:
    published = network(MOBILENET_V2, "relu6")
    assert SPACE.decode(SPACE.encode(published)) == network(MOBILENET_V2, "relu")
    assert cost(published).params == 3_504_872  # of torchvision's mobilenet_v2


def test_mobilenet_v3_has_one_expansion_per_stage_and_narrower_gates_here() -> None:
    """What of MobileNetV3-Large (arXiv 1905.02244, Table 1) is left out.

    Its expansions change within stages 2 (4, then 3) and 4 (6, 2.5, 2.3, 2.3); its squeezed channels are a quarter of
    the expanded ones; its head has a second convolution after pooling. Blocks, kernels, filters, layers, activations
    and the kind of gate are here.
    """
    wanted = {
        1: (0, 16, 3, 1, 0, 0, 1),
        2: (1, 24, 3, 4, 0, 0, 2),
        3: (1, 40, 5, 3, 1, 0, 3),
        4: (1, 80, 3, 3, 0, 2, 4),
        5: (1, 112, 3, 6, 1, 2, 2),
        6: (1, 160, 5, 6, 1, 2, 3),
        7: (0, 192, 3, 1, 0, 0, 0),
    }
    vector = np.array([224, 16, 2, *(value for fields in wanted.values() for value in fields), 960, 2])
    layers = SPACE.decode(vector).layers
    assert len(layers) == 1 + 15 + 1
    assert [layer.gate for layer in layers if isinstance(layer, IrbBlock) and layer.se_channels] == ["hard_sigmoid"] * 8
    np.testing.assert_array_equal(SPACE.encode(SPACE.decode(vector)), vector)


def test_gates_are_dropped_as_the_bound_of_relu6_is() -> None:
    published = network(EFFICIENTNET, "swish", squeeze=True)
    hard = replace(
        published,
        blocks=tuple(
            replace(x, gate="hard_sigmoid") if isinstance(x, IrbBlock | SeparableBlock) else x for x in published.blocks
        ),
    )
    np.testing.assert_array_equal(SPACE.encode(hard), SPACE.encode(published))


@pytest.mark.parametrize(("name", "digest"), [("mobile", "892a74aad0648872"), ("mobile-small", "15ad439be13b0e69")])
def test_tables_of_earlier_versions_belong_to_the_space(name: str, digest: str) -> None:
    assert get_space(name).digest == digest


def test_groups_of_layers_come_in_the_order_in_which_estimates_have_always_been_summed() -> None:
    kinds = [group.rows.block for group in SPACE.layer_groups(SPACE.sample(64))]
    stage_by_stage = [SeparableBlock, IrbBlock, FusedIrbBlock, ConvBlock] * 2 * 7
    assert kinds == [StemBlock, *stage_by_stage, HeadBlock]


def test_every_kind_of_block_occurs_in_every_stage() -> None:
    found: list[set[type[Block]]] = [set() for _ in range(7)]
    for vector in SPACE.sample(64):
        layers, place = SPACE.decode(vector).layers, 1
        for number in range(1, 8):
            count = stage(number, vector)["layers"]
            found[number - 1] |= {type(layer) for layer in layers[place : place + count]}
            place += count
    assert found == [{SeparableBlock, IrbBlock, FusedIrbBlock, ConvBlock}] * 7


SAMPLE = SPACE.sample(1, seed=3)[0]


@pytest.mark.parametrize(
    ("values", "same_as"),
    [
        ({"stage2_block": 1, "stage2_expansion": 1}, {"stage2_block": 0, "stage2_expansion": 1}),
        ({"stage2_block": 0, "stage2_expansion": 4}, {"stage2_block": 0, "stage2_expansion": 1}),
        ({"stage2_block": 3, "stage2_se": 1, "stage2_expansion": 4}, {"stage2_block": 3, "stage2_expansion": 1}),
        ({"stage7_layers": 0, "stage7_filters": 352}, {"stage7_layers": 0, "stage7_filters": 192}),
    ],
)
def test_what_does_not_matter_is_set_to_the_first_value(values: dict[str, int], same_as: dict[str, int]) -> None:
    base = changed(SAMPLE, stage2_se=0)
    one, other = changed(base, **values), changed(base, **same_as)
    assert SPACE.decode(one) == SPACE.decode(other)
    np.testing.assert_array_equal(SPACE.canonical(one[None]), SPACE.canonical(other[None]))


def alike(first: int, second: int, layers: tuple[int, int]) -> IntArray:
    """A vector in which the second stage goes on with the settings of the first."""
    settings = {"block": 1, "filters": 80 if first == 4 else 192, "kernel": 5, "expansion": 3, "se": 1, "act": 2}
    values = {f"stage{n}_{field}": value for n in (first, second) for field, value in settings.items()}
    return changed(SAMPLE, **values, **{f"stage{first}_layers": layers[0], f"stage{second}_layers": layers[1]})


@pytest.mark.parametrize(("first", "second"), [(4, 5), (6, 7)])
@pytest.mark.parametrize(
    ("layers", "canonical"),
    [((1, 1), (2, 0)), ((2, 3), (5, 0)), ((3, 4), (5, 2)), ((5, 2), (5, 2)), ((5, 5), (5, 5)), ((4, 0), (4, 0))],
)
def test_a_stage_like_the_one_before_prolongs_it(
    first: int, second: int, layers: tuple[int, int], canonical: tuple[int, int]
) -> None:
    vector = alike(first, second, layers)
    found = SPACE.canonical(vector[None])[0]
    assert (stage(first, found)["layers"], stage(second, found)["layers"]) == canonical
    if canonical[1] == 0:
        assert set(stage(second, found).items()) == {
            (name.split(".")[1], dimension.values[0])
            for name, dimension in zip(NAMES, SPACE.dimensions, strict=True)
            if name.startswith(f"stage{second}.")
        }
    np.testing.assert_array_equal(SPACE.encode(SPACE.decode(vector)), found)
    assert SPACE.decode(vector) == SPACE.decode(found) == SPACE.decode(alike(first, second, canonical))
    assert grouped_layers(SPACE, vector[None]) == [Counter(SPACE.decode(vector).layers)]


def test_stages_that_differ_in_anything_are_kept_apart() -> None:
    vector = changed(alike(4, 5, (2, 2)), stage5_kernel=3)
    found = SPACE.canonical(vector[None])[0]
    assert (stage(4, found)["layers"], stage(5, found)["layers"]) == (2, 2)


LITE0 = network(EFFICIENTNET, "relu")


def with_layers(*layers: Block) -> LayeredArchitecture:
    return LayeredArchitecture(224, layers)


def deeper(plan: Plan) -> LayeredArchitecture:
    return network([*plan, (6, 352, 1, 1, 3)], "relu")


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (released("gpunet_0"), "encodes a layered architecture, not StagedArchitecture"),
        (with_layers(StemBlock(3, 32, 3, 1, "relu", 224)), "must start with a stem and end with a head"),
        (
            with_layers(*LITE0.layers[:1], HeadBlock(32, 1280, 0, "relu", 112)),
            "stage 2 must have stride 2, but there is nothing",
        ),
        (
            network(MOBILENET_V2[:1] + MOBILENET_V2[2:], "relu"),
            "stage 4 must have stride 2, but there is a stage of stride 1",
        ),
        (deeper(EFFICIENTNET), "more stages than the 7"),
        (network([(1, 16, 1, 1, 3), (7, 24, 2, 2, 3), *EFFICIENTNET[2:]], "relu"), r"stage2.expansion .* = 7"),
        (network([(1, 17, 1, 1, 3), *EFFICIENTNET[1:]], "relu"), r"stage1.filters .* = 17"),
        (network(EFFICIENTNET, "gelu"), "its activation is 'gelu'; allowed: relu, swish, hard_swish"),
        (replace(LITE0, bn_eps=1e-5), "bn_eps = 1e-05; the space has 0.001"),
        (
            with_layers(*LITE0.layers[:-1], HeadBlock(320, 1280, 64, "relu", 7)),
            "its layer 17 is head 1x1 320-1280 relu @7",
        ),
        (
            with_layers(*LITE0.layers[:1], StemBlock(32, 32, 3, 1, "relu", 112), HeadBlock(32, 1280, 0, "relu", 56)),
            "its layer 1 is stem 3x3/2 32-32 relu @112",
        ),
        (
            with_layers(
                *LITE0.layers[:1],
                IrbBlock(32, 16, 3, 1, 32, 0, "relu", "same", 112),
                *LITE0.layers[2:],
            ),
            "its layer 1 is irb 3x3 32-32-16 relu @112; the nearest network of the space has separable",
        ),
    ],
)
def test_what_the_space_has_not_is_told(architecture: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SPACE.encode(architecture)


OWN: dict[str, Any] = {
    "resolution": (32, 40),
    "stem_filters": (8, 12),
    "stage_filters": ((8, 16),) * 7,
    "head_filters": (24,),
    "num_classes": 3,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage_filters": ((8,),) * 6}, "filters of 6 stages; must be 7"),
        ({"stem_filters": (3, 8)}, "stem.filters = 3: must be at least 4"),
        ({"stage_filters": ((8,), (2, 8), *((8,),) * 5)}, "stage2.filters = 2"),
        ({"resolution": (40, 32)}, "resolution: .*increasing"),
    ],
)
def test_ranges_that_no_network_can_have_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        MobileSpace("mine", **(OWN | change))


def test_ranges_of_ones_own_may_overlap() -> None:
    space = MobileSpace("mine", **OWN)
    vectors = space.sample(300)
    digests = [space.decode(vector).digest for vector in vectors]
    assert len(set(digests)) == len(np.unique(vectors, axis=0))
    assert grouped_layers(space, vectors) == [Counter(space.decode(vector).layers) for vector in vectors]


@pytest.mark.parametrize("name", ["mobile", "mobile-small"])
def test_the_plan_of_the_published_networks(name: str) -> None:
    values = {dimension.name: dimension.values for dimension in get_space(name).dimensions}
    assert len(values) == 54
    assert [len(values[f"stage{n}.layers"]) for n in range(1, 8)] == [6, 5, 5, 5, 6, 5, 6]
    assert values["stage3.block"] == (0, 1, 2, 3)
    assert values["stage3.expansion"] == (1, 2, 3, 4, 5, 6)
    assert {"mobile": (96, 256), "mobile-small": (32, 128)}[name] == (values["resolution"][0], values["resolution"][-1])
