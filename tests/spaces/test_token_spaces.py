"""What the spaces of tokens hold, and what they refuse."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tiernas.blocks import (
    AttentionBlock,
    IrbBlock,
    MlpBlock,
    SpatialGateBlock,
    TokenHeadBlock,
    TokenizerBlock,
    TokenMlpBlock,
    TokenPoolBlock,
)
from tiernas.errors import UsageError
from tiernas.spaces import LayeredArchitecture, SearchSpace, get_space
from tiernas.spaces.consistency import random_vectors
from tiernas.spaces.mlp import MlpSpace, MlpStage

NAMES = ("vit", "vit-small", "mlp", "mlp-small")


def networks(space: SearchSpace, n: int = 64) -> list[LayeredArchitecture]:
    found = [space.decode(vector) for vector in random_vectors(space, n, 0)]
    return [network for network in found if isinstance(network, LayeredArchitecture)]


@pytest.mark.parametrize(
    ("name", "integers", "pixels"),
    [("vit", 25, 256), ("vit-small", 14, 64), ("mlp", 19, 256), ("mlp-small", 13, 64)],
)
def test_integers_and_images(name: str, integers: int, pixels: int) -> None:
    space = get_space(name)
    assert len(space.dimensions) == integers
    assert space.largest_resolution == pixels


@pytest.mark.parametrize("name", NAMES)
def test_grids_of_tokens(name: str) -> None:
    """Small spaces have strides 4 and 8, `vit` has 16 and 32, `mlp` 8, 16 and 32."""
    space = get_space(name)
    strides = {"vit": (16, 32), "mlp": (8, 16, 32)}.get(name, (4, 8))
    for network in networks(space):
        pools = sum(isinstance(layer, TokenPoolBlock) for layer in network.layers)
        grids = list(dict.fromkeys(layer.in_shape[0] for layer in network.layers if len(layer.in_shape) == 2))
        assert grids == [math.ceil(network.resolution / stride) ** 2 for stride in strides[: pools + 1]]
        if name == "vit-small":
            assert all(4**2 <= tokens <= 16**2 for tokens in grids)


@pytest.mark.parametrize("name", NAMES)
def test_positions_are_learnt_once_where_attention_needs_them(name: str) -> None:
    for network in networks(get_space(name)):
        (position,) = [layer.position for layer in network.layers if isinstance(layer, TokenizerBlock)]
        assert position == ("learnt" if "vit" in name else "none")


def test_without_a_second_stage_it_is_nearly_a_compact_convolutional_transformer() -> None:
    """CCT-7/3x2 at 32 pixels: 256 channels, 4 heads, MLP ratio 2, 7 layers on 8 x 8 tokens, GELU, layer norm."""
    space = get_space("vit-small")
    network = LayeredArchitecture(
        32,
        (
            TokenizerBlock(3, 64, 2, 4, 256, "learnt", "gelu", 32),
            *(
                AttentionBlock(64, 256, "layer", heads=4, head_dim=64, value_dim=64),
                MlpBlock(64, 256, "layer", hidden=512, kernel=0, activation="gelu"),
            )
            * 7,
            TokenHeadBlock(64, 256, "layer"),
        ),
    )
    vector = space.encode(network)
    assert vector.tolist() == [32, 2, 64, 256, 64, 2, 7, 96, 16, 1, 0, 0, 1, 0]
    assert space.decode(vector) == network


def test_stages_of_vit() -> None:
    space = get_space("vit")
    names = [dimension.name for dimension in space.dimensions]
    vector = dict(zip(names, (dimension.values[0] for dimension in space.dimensions), strict=True))
    vector |= {"stage2.se": 1, "stage2.layers": 2, "stage3.value_scale": 4, "stage3.depthwise": 1, "stage4.layers": 3}
    network = space.decode(list(vector.values()))
    irb = [layer for layer in network.layers if isinstance(layer, IrbBlock)]
    assert [(layer.stride, layer.in_channels, layer.se_channels) for layer in irb] == [
        (2, 16, 0),
        (2, 24, 6),
        (1, 40, 10),
    ]
    attention = [layer for layer in network.layers if isinstance(layer, AttentionBlock)]
    assert [(layer.tokens, layer.value_dim) for layer in attention] == [(64, 64), *[(16, 16)] * 3]
    assert [layer.kernel for layer in network.layers if isinstance(layer, MlpBlock)] == [3, 0, 0, 0]


def test_a_gate_has_no_ratio_of_tokens() -> None:
    space = get_space("mlp-small")
    gate, other = [32, 64, 1, 2, 3, 2, 96, 0, 2, 4, 1, 0, 0], [32, 64, 1, 4, 3, 2, 96, 0, 2, 4, 1, 0, 0]
    assert space.canonical(np.array([gate, other])).tolist() == [[32, 64, 1, 1, 3, 2, 96, 0, 2, 4, 1, 0, 0]] * 2
    layers = space.decode(gate).layers
    assert [type(layer) for layer in layers[1:3]] == [SpatialGateBlock] * 2
    assert [type(layer) for layer in layers[4:6]] == [TokenMlpBlock, MlpBlock]
    assert (layers[1].gated, layers[4].hidden) == (96, 8)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_networks_of_other_spaces_are_refused(name: str) -> None:
    space = get_space(name)
    for other in ("gpunet-small", *(each for each in NAMES if each != name)):
        network = get_space(other).decode(random_vectors(get_space(other), 1, 0)[1])
        with pytest.raises(UsageError, match=name):
            space.encode(network)


@pytest.mark.parametrize(
    ("place", "changes", "message"),
    [
        (
            1,
            {"value_dim": 48},
            r"its layer 1 is attention .*/48 .*; the nearest network of the space has attention .*/32",
        ),
        (2, {"hidden": 100}, r"its layer 2 is mlp 64-100 .*; the nearest network of the space has mlp 64-64"),
        (2, {"activation": "swish"}, r"its activation is 'swish'; allowed: relu, gelu"),
        (0, {"filters": 40}, r"tokenizer\.filters .* = 40 is not in space"),
    ],
)
def test_what_a_space_has_not_is_named(place: int, changes: dict[str, object], message: str) -> None:
    space = get_space("vit-small")
    network = space.decode([32, 2, 32, 64, 32, 1, 1, 96, 16, 1, 0, 0, 0, 0])
    assert isinstance(network, LayeredArchitecture)
    blocks = list(network.blocks)
    blocks[place] = replace(blocks[place], **changes)  # type: ignore[type-var]
    with pytest.raises(UsageError, match=message):
        space.encode(replace(network, blocks=tuple(blocks)))


def test_only_the_last_stage_may_be_empty() -> None:
    stages = MlpStage((64, 64, 32), (0, 2)), MlpStage((64, 64, 32), (0, 2))
    with pytest.raises(UsageError, match="space 'mine': stage1 must have at least 1 layer; only the last"):
        MlpSpace("mine", resolution=(32,), stem_filters=(16,), stem_stride=4, stages=stages, num_classes=2)
