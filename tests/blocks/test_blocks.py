from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.blocks.sizes import require_sizes_of_module
from torch import nn
from torch.nn.functional import conv2d, pad
from torch.utils.flop_counter import FlopCounterMode

from tiernas.blocks import (
    GATES,
    BasicBlock,
    Block,
    BlockRows,
    ConvBlock,
    FusedIrbBlock,
    HeadBlock,
    IrbBlock,
    LayerRows,
    ModuleOptions,
    SeparableBlock,
    StemBlock,
    layer_from_dict,
)
from tiernas.blocks.modules import Residual
from tiernas.blocks.rows import IntArray
from tiernas.errors import UsageError

LAYERS: list[Block] = [
    StemBlock(3, 8, kernel=3, layers=2, activation="relu", in_size=9),
    ConvBlock(8, 16, kernel=5, stride=2, activation="swish", padding="same", in_size=9),
    FusedIrbBlock(8, 16, 5, 2, mid_channels=32, se_channels=2, activation="relu", padding="valid", in_size=9),
    FusedIrbBlock(8, 8, 3, 1, mid_channels=24, se_channels=0, activation="gelu", padding="same", in_size=6),
    IrbBlock(8, 12, 5, 2, mid_channels=20, se_channels=0, activation="relu", padding="same", in_size=7),
    IrbBlock(8, 8, 3, 1, mid_channels=16, se_channels=2, activation="hard_swish", padding="same", in_size=4),
    SeparableBlock(8, 16, 5, 2, se_channels=2, activation="relu6", padding="same", in_size=7, gate="hard_sigmoid"),
    SeparableBlock(8, 8, 3, 1, se_channels=0, activation="hard_swish", padding="valid", in_size=4),
    IrbBlock(8, 8, 3, 1, mid_channels=16, se_channels=0, activation="relu", padding="valid", in_size=4),
    FusedIrbBlock(8, 8, 3, 1, mid_channels=16, se_channels=0, activation="relu", padding="valid", in_size=4),
    HeadBlock(16, 32, hidden=0, activation="relu", in_size=3),
]
"""Those of our spaces."""

RARE: list[Block] = [
    StemBlock(3, 8, kernel=3, layers=1, activation="relu6", in_size=8, padding="tensorflow"),
    ConvBlock(8, 8, kernel=3, stride=1, activation="swish", padding="same", in_size=5, skip="auto"),
    ConvBlock(8, 16, kernel=3, stride=2, activation="relu", padding="tensorflow", in_size=8),
    FusedIrbBlock(8, 16, 3, 2, 32, 0, activation="relu", padding="tensorflow", in_size=8, groups=4),
    FusedIrbBlock(8, 8, 3, 1, 16, 2, activation="swish", padding="same", in_size=4, se_activation="relu"),
    IrbBlock(8, 8, 5, 1, 16, 0, activation="relu", padding="same", in_size=6, skip="none"),
    IrbBlock(8, 12, 5, 2, 16, 4, "hard_swish", "tensorflow", 10, gate="hard_sigmoid", se_activation="relu"),
    SeparableBlock(8, 8, 3, 1, 0, activation="relu6", padding="same", in_size=4, skip="none", end="activated"),
    SeparableBlock(8, 16, 3, 2, 2, activation="hard_swish", padding="same", in_size=6, end="activated"),
    BasicBlock(8, 8, stride=1, activation="relu", in_size=5),
    BasicBlock(8, 8, stride=2, activation="relu", in_size=7),
    BasicBlock(8, 16, stride=1, activation="hard_swish", in_size=4),
    HeadBlock(16, 0, hidden=0, activation="relu", in_size=3),
]
"""Those of networks from elsewhere."""


def labels(layer: Block) -> str:
    return layer.label


@pytest.mark.parametrize("layer", [*LAYERS, *RARE], ids=labels)
def test_multiply_accumulates_are_what_a_hook_counts(layer: Block) -> None:
    module = layer.module(ModuleOptions(num_classes=1)).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, *layer.in_shape))
    classifier = (
        layer.out_shape[0] if isinstance(layer, HeadBlock) else 0
    )  # how many classes there are is no field of a head
    assert BlockRows.of([layer]).macs().tolist() == [counter.get_total_flops() // 2 - classifier]


@pytest.mark.parametrize("layer", [layer for layer in [*LAYERS, *RARE] if not isinstance(layer, HeadBlock)], ids=labels)
def test_weights_and_shapes_are_those_of_the_module(layer: Block) -> None:
    module = layer.module(ModuleOptions()).eval()
    assert module(torch.zeros(2, *layer.in_shape)).shape[1:] == layer.out_shape
    work = BlockRows.of([layer]).work()[0]
    weights = sum(p.numel() for p in module.parameters() if p.dim() == 4)
    assert work[layer.work_kinds.index("weights")] == weights


SIZED: list[Block] = [
    *LAYERS,
    *RARE,
    StemBlock(3, 16, kernel=3, layers=3, activation="prelu", in_size=9),
    ConvBlock(8, 8, kernel=3, stride=1, activation="prelu", padding="same", in_size=5, skip="auto"),
    FusedIrbBlock(8, 8, 3, 1, mid_channels=12, se_channels=6, activation="prelu", padding="same", in_size=1),
    IrbBlock(8, 8, 3, 1, 16, 4, activation="prelu", padding="same", in_size=3, se_activation="relu"),
    IrbBlock(32, 8, 5, 2, mid_channels=32, se_channels=0, activation="relu", padding="same", in_size=9),
    SeparableBlock(8, 8, 3, 1, 5, "relu", padding="same", in_size=2, se_activation="prelu"),
    SeparableBlock(8, 32, 3, 2, se_channels=0, activation="prelu", padding="same", in_size=6, end="activated"),
    HeadBlock(16, 32, hidden=200, activation="prelu", in_size=1),
    HeadBlock(16, 0, hidden=8, activation="relu", in_size=3, hidden_bias="yes"),
]


@pytest.mark.parametrize("num_classes", [1, 900])
@pytest.mark.parametrize("layer", SIZED, ids=labels)
def test_sizes_are_those_of_the_module(layer: Block, num_classes: int) -> None:
    require_sizes_of_module(layer, num_classes, torch.zeros(1, *layer.in_shape))


def test_feature_maps_that_are_held_by_hand() -> None:
    fields: dict[str, Any] = {"activation": "swish", "padding": "same", "in_size": 4}
    halving = IrbBlock(8, 8, 3, 2, mid_channels=16, se_channels=0, **fields)
    residual = IrbBlock(8, 8, 3, 1, mid_channels=16, se_channels=2, **fields)
    sizes = BlockRows.of([halving, residual]).sizes(10)
    assert sizes is not None
    assert sizes.held.tolist() == [16 * 8 + 16 * 16, 16 * 8 + 2 * 16 * 16]  # at the expansion; at the depthwise


def test_a_block_counts_no_sizes_unless_it_says_how() -> None:
    assert Block.sizes(BlockRows.of([LAYERS[1]]), 10) is None


@pytest.mark.parametrize("layer", RARE[:-1], ids=labels)
def test_what_is_added_is_counted(layer: Block) -> None:
    residual = [module for module in layer.module(ModuleOptions()).modules() if isinstance(module, Residual)]
    added = math.prod(layer.out_shape) if any(module.residual for module in residual) else 0
    assert BlockRows.of([layer]).work()[0, layer.work_kinds.index("added")] == added


def test_an_activation_after_the_projection_is_counted() -> None:
    twice, once = RARE[8], replace(RARE[8], end="linear")  # type: ignore[type-var]
    activated = [BlockRows.of([layer]).work()[0, layer.work_kinds.index("activated")] for layer in (twice, once)]
    assert activated[0] - activated[1] == math.prod(twice.out_shape)
    module: Any = twice.module(ModuleOptions())
    assert isinstance(module.body[-1], nn.Hardswish)


def test_squeeze_and_excitation_may_have_another_activation_than_its_block() -> None:
    kinds = [type(module) for module in RARE[4].module(ModuleOptions()).modules()]
    assert kinds.count(nn.ReLU) == kinds.count(nn.SiLU) == 1


def test_groups_must_divide_the_channels() -> None:
    with pytest.raises(UsageError, match=r"^x\.groups = 3: must divide in_channels, 8, and mid_channels, 32$"):
        replace(RARE[3], groups=3).checked("x")  # type: ignore[type-var]


def test_a_head_may_have_a_second_convolution_alone_with_or_without_bias() -> None:
    head = HeadBlock(16, 0, hidden=8, activation="relu", in_size=3, hidden_bias="yes")
    module = head.module(ModuleOptions(num_classes=5))
    assert [name for name, _ in module.named_parameters()] == ["1.weight", "1.bias", "5.weight", "5.bias"]
    assert module(torch.zeros(2, 16, 3, 3)).shape == (2, 5)
    assert head.out_shape == (16, 3, 3)
    without = replace(head, hidden_bias="no").module(ModuleOptions(num_classes=5))
    assert [name for name, _ in without.named_parameters()] == ["1.weight", "5.weight", "5.bias"]


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 2), (7, 2), (3, 3), (1, 2)])
@pytest.mark.parametrize("size", [1, 5, 8, 9])
def test_padding_of_tensorflow(kernel: int, stride: int, size: int) -> None:
    """The definition: outputs for every stride-th pixel, the odd pixel of padding at the end."""
    layer = ConvBlock(2, 4, kernel, stride, activation="relu", padding="tensorflow", in_size=size)
    conv: Any = layer.module(ModuleOptions())[0]  # type: ignore[index]
    images = torch.randn(1, 2, size, size, generator=torch.Generator().manual_seed(0))
    outputs = math.ceil(size / stride)
    missing = max((outputs - 1) * stride + kernel - size, 0)
    pads = (missing // 2, missing - missing // 2) * 2
    expected = conv2d(pad(images, pads), conv.weight, stride=stride)
    torch.testing.assert_close(conv(images), expected)
    assert expected.shape[-1] == layer.out_shape[-1] == outputs


def test_work_by_hand() -> None:
    layer = IrbBlock(8, 8, 3, 1, mid_channels=16, se_channels=2, activation="swish", padding="same", in_size=4)
    counted = dict(zip(layer.work_kinds, BlockRows.of([layer]).work()[0].tolist(), strict=True))
    assert counted == {
        "spatial_macs": 0,
        "expand_macs": 16 * 8 * 16,
        "depthwise_macs": 16 * 9 * 16,
        "project_macs": 16 * 16 * 8,
        "squeeze_macs": 2 * 16 * 2,
        "weights": 8 * 16 + 9 * 16 + 16 * 8 + 2 * 16 * 2,
        "input": 16 * 8,
        "expanded": 16 * 16,
        "inner": 16 * 16,
        "output": 16 * 8,
        "activated": 2 * 16 * 16,
        "swished": 2 * 16 * 16,
        "gated": 16 * 16,
        "added": 16 * 8,
        "row_starts": 4 * 3,
        "squeezes": 1,
        "hard_swished": 0,
    }


def test_a_separable_block_is_an_inverted_residual_that_does_not_expand() -> None:
    rest: dict[str, Any] = {"se_channels": 2, "activation": "swish", "padding": "same", "in_size": 6}
    separable = BlockRows.of([SeparableBlock(8, 8, 3, 1, **rest)]).work()[0]
    irb = BlockRows.of([IrbBlock(8, 8, 3, 1, mid_channels=8, **rest)]).work()[0]
    differing = {kind for kind, a, b in zip(IrbBlock.work_kinds, separable, irb, strict=True) if a != b}
    assert differing == {"expand_macs", "weights", "expanded", "activated", "swished", "row_starts"}


@pytest.mark.parametrize("activation", ["swish", "hard_swish", "gelu"])
def test_hard_swish_is_counted_apart(activation: str) -> None:
    layer = SeparableBlock(8, 8, 3, 1, se_channels=0, activation=activation, padding="same", in_size=4)
    counted = dict(zip(layer.work_kinds, BlockRows.of([layer]).work()[0].tolist(), strict=True))
    hard = activation == "hard_swish"
    assert (counted["activated"], counted["swished"], counted["hard_swished"]) == (128, 128 * (not hard), 128 * hard)


def test_relu6_costs_no_more_than_a_comparison() -> None:
    for name in ("relu", "relu6"):
        layer = SeparableBlock(8, 8, 3, 1, se_channels=0, activation=name, padding="same", in_size=4)
        assert BlockRows.of([layer]).work()[0, layer.work_kinds.index("swished")] == 0


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("block", [SeparableBlock, IrbBlock, FusedIrbBlock])
def test_squeeze_and_excitation_weighs_channels_with_its_gate(block: Any, gate: str) -> None:
    mid = {} if block is SeparableBlock else {"mid_channels": 8}
    layer = block(8, 8, 3, 1, se_channels=2, activation="relu", padding="same", in_size=4, gate=gate, **mid)
    gates = [m for m in layer.module(ModuleOptions()).modules() if isinstance(m, nn.Sigmoid | nn.Hardsigmoid)]
    assert [type(m) for m in gates] == [{"sigmoid": nn.Sigmoid, "hard_sigmoid": nn.Hardsigmoid}[gate]]


def test_a_row_is_the_name_of_a_block_and_its_own_fields() -> None:
    head = HeadBlock(16, 32, hidden=0, activation="relu", in_size=3)
    expected = {"block": "head", "in_channels": 16, "filters": 32, "hidden": 0, "activation": "relu", "in_size": 3}
    assert json.loads(json.dumps(head.to_dict())) == expected


def test_settings_in_words() -> None:
    assert [layer.settings for layer in LAYERS] == [
        "3x3 stride 2 relu",
        "5x5 stride 2 swish",
        "5x5 stride 2 mid 32 SE 2 relu",
        "3x3 mid 24 gelu",
        "5x5 stride 2 mid 20 relu",
        "3x3 mid 16 SE 2 hard_swish",
        "5x5 stride 2 hard SE 2 relu6",
        "3x3 hard_swish",
        "3x3 mid 16 relu",
        "3x3 mid 16 relu",
        "1x1 relu",
    ]


def test_a_layer_in_one_line() -> None:
    assert [layer.label for layer in LAYERS] == [
        "stem 3x3/2 3-8 relu @9",
        "conv 5x5/2 8-16 swish @9",
        "fused_irb 5x5/2 8-32-16 SE2 relu @9",
        "fused_irb 3x3 8-24-8 gelu @6",
        "irb 5x5/2 8-20-12 relu @7",
        "irb 3x3 8-16-8 SE2 hard_swish @4",
        "separable 5x5/2 8-16 hard SE2 relu6 @7",
        "separable 3x3 8-8 hard_swish @4",
        "irb 3x3 8-16-8 relu @4",
        "fused_irb 3x3 8-16-8 relu @4",
        "head 1x1 16-32 relu @3",
    ]


def test_what_is_rare_in_words() -> None:
    assert [layer.settings for layer in RARE] == [
        "3x3 stride 2 relu6 padded as in TensorFlow",
        "3x3 swish skip",
        "3x3 stride 2 relu padded as in TensorFlow",
        "3x3 stride 2 mid 32 relu padded as in TensorFlow in 4 groups",
        "3x3 mid 16 SE 2 of relu swish",
        "5x5 mid 16 relu no skip",
        "5x5 stride 2 mid 16 hard SE 4 of relu hard_swish padded as in TensorFlow",
        "3x3 relu6 twice no skip",
        "3x3 stride 2 SE 2 hard_swish twice",
        "3x3 relu",
        "3x3 stride 2 relu",
        "3x3 hard_swish",
        "1x1 relu",
    ]
    assert len({layer.label for layer in [*LAYERS, *RARE]}) == len(LAYERS) + len(RARE)


def test_fields_that_most_networks_do_not_need_are_written_where_they_are() -> None:
    assert all(not layer.defaults().keys() & layer.to_dict().keys() - {"gate"} for layer in LAYERS)
    assert RARE[5].to_dict() == {**replace(RARE[5], skip="auto").to_dict(), "skip": "none"}  # type: ignore[type-var]
    for layer in RARE:
        assert layer_from_dict(json.loads(json.dumps(layer.to_dict())), "x") == layer


def test_rows_of_several_blocks_keep_the_order_of_the_layers() -> None:
    layers = [LAYERS[4], LAYERS[1], LAYERS[5], LAYERS[4]]
    rows = LayerRows.of(layers)
    assert len(rows) == 4
    sizes = rows.each(lambda part: part.numbers("in_size")[0])
    assert sizes.tolist() == [7, 9, 4, 7]
    kept = rows.subset(np.array([False, False, True, True]))
    assert kept.each(lambda part: part.numbers("in_size")[0]).tolist() == [4, 7]
    assert [part.layers() for part, _ in kept.parts] == [[LAYERS[5], LAYERS[4]]]


def test_rows_from_columns() -> None:
    columns: dict[str, IntArray | int | str] = {
        "in_channels": np.array([8, 16]),
        "out_channels": 8,
        "kernel": 3,
        "stride": 1,
        "in_size": 6,
    }
    rows = BlockRows.of_columns(ConvBlock, 2, {**columns, "activation": "swish", "padding": "same"})
    expected = [ConvBlock(ins, 8, 3, 1, activation="swish", padding="same", in_size=6) for ins in (8, 16)]
    assert rows.layers() == expected
    np.testing.assert_array_equal(BlockRows.of(expected).values, rows.values)
    assert rows.have("activation", "swish").tolist() == [True, True]


def test_a_field_with_a_default_need_not_be_a_column() -> None:
    fields: dict[str, Any] = {"out_channels": 8, "kernel": 3, "stride": 1, "se_channels": 2, "in_size": 6}
    rows = BlockRows.of_columns(
        SeparableBlock, 1, {"in_channels": 8, "activation": "relu", "padding": "same", **fields}
    )
    assert rows.layers() == [SeparableBlock(8, activation="relu", padding="same", **fields)]


def test_work_of_a_kind_that_the_block_does_not_name_is_refused() -> None:
    class Odd(ConvBlock):
        __slots__ = ()
        work_kinds = ("spatial_macs",)

    with pytest.raises(ValueError, match=r"'conv' counts activated, .*weights, which its work_kinds do not include"):
        BlockRows(Odd, BlockRows.of([LAYERS[1]]).values).work()


def test_blocks_are_known_without_torch() -> None:
    code = "import sys, tiernas.blocks; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
