"""Blocks of tokens: what they count, how they are built, what they refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.blocks.sizes import require_sizes_of_module
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tiernas.blocks import (
    AttentionBlock,
    Block,
    BlockRows,
    MlpBlock,
    ModuleOptions,
    SpatialGateBlock,
    TokenHeadBlock,
    TokenizerBlock,
    TokenMlpBlock,
    TokenPoolBlock,
    layer_from_dict,
)
from tiernas.blocks.modules import Residual
from tiernas.blocks.token_modules import SelfAttention, SpatialGating, TokenBatchNorm
from tiernas.errors import UsageError
from tiernas.networks.onnx import check_onnx, write_onnx
from tiernas.training.initialization import calm

TOKENIZERS = [
    TokenizerBlock(3, 8, layers, stride, dim=12, position=position, activation="gelu", in_size=size)
    for layers, stride, position, size in [
        (1, 4, "learnt", 24),
        (2, 4, "none", 21),
        (3, 4, "learnt", 16),
        (3, 8, "none", 24),
        (1, 1, "none", 5),
        (2, 8, "learnt", 19),
    ]
]
MIXERS: list[Block] = [
    AttentionBlock(9, 24, norm="layer", heads=3, head_dim=8, value_dim=16),
    AttentionBlock(10, 24, norm="batch", heads=1, head_dim=16, value_dim=16),
    MlpBlock(9, 8, norm="layer", hidden=24, kernel=3, activation="gelu"),
    MlpBlock(7, 8, norm="batch", hidden=16, kernel=0, activation="relu"),
    TokenMlpBlock(9, 8, norm="layer", hidden=5, activation="relu"),
    TokenMlpBlock(16, 8, norm="batch", hidden=16, activation="gelu"),
    SpatialGateBlock(9, 8, norm="layer", gated=12, activation="gelu"),
    SpatialGateBlock(16, 8, norm="batch", gated=8, activation="relu"),
]
LAYERS: list[Block] = [*TOKENIZERS, *MIXERS, TokenPoolBlock(5, 8, 12), TokenPoolBlock(4, 8, 16)]
HEADS: list[Block] = [TokenHeadBlock(9, 8, norm=norm) for norm in ("layer", "batch")]


def labels(layer: Block) -> str:
    return layer.label


def tokens(layer: Block, n: int = 2) -> Tensor:
    return torch.randn(n, *layer.in_shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("layer", [*LAYERS, *HEADS], ids=labels)
def test_multiply_accumulates_are_what_a_hook_counts(layer: Block) -> None:
    module = layer.module(ModuleOptions(num_classes=1)).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(tokens(layer, 1))
    classifier = 8 if isinstance(layer, TokenHeadBlock) else 0  # how many classes there are is no field of a head
    assert BlockRows.of([layer]).macs().tolist() == [counter.get_total_flops() // 2 - classifier]


@pytest.mark.parametrize("layer", LAYERS, ids=labels)
def test_weights_and_shapes_are_those_of_the_module(layer: Block) -> None:
    module = layer.module(ModuleOptions()).eval()
    assert module(tokens(layer)).shape[1:] == layer.out_shape
    work = dict(zip(layer.work_kinds, BlockRows.of([layer]).work()[0], strict=True))
    found = sum(p.numel() for name, p in module.named_parameters() if p.ndim > 1 and "embedding" not in name)
    assert work["weights"] + work.get("token_weights", 0) == found


@pytest.mark.parametrize("num_classes", [3, 1000])
@pytest.mark.parametrize("layer", [*LAYERS, *HEADS], ids=labels)
def test_sizes_are_those_of_the_module(layer: Block, num_classes: int) -> None:
    require_sizes_of_module(layer, num_classes, tokens(layer, 1))


def test_many_tokenizers_count_what_each_counts_alone() -> None:
    together = BlockRows.of(TOKENIZERS)
    alone = np.concatenate([BlockRows.of([layer]).work() for layer in TOKENIZERS])
    np.testing.assert_array_equal(together.work(), alone)
    sizes, each = together.sizes(3), [BlockRows.of([layer]).sizes(3) for layer in TOKENIZERS]
    assert sizes is not None
    assert sizes.held.tolist() == [one.held[0] for one in each if one is not None]
    assert sizes.params.tolist() == [one.params[0] for one in each if one is not None]


@pytest.mark.parametrize(
    ("layers", "stride", "strides"),
    [(1, 1, (1,)), (2, 2, (2, 1)), (1, 4, (4,)), (2, 4, (2, 2)), (3, 4, (2, 2, 1)), (2, 8, (4, 2)), (1, 8, (8,))],
)
def test_convolutions_of_a_tokenizer_halve_the_map_one_by_one(layers: int, stride: int, strides: tuple[int]) -> None:
    assert replace(TOKENIZERS[0], layers=layers, stride=stride).strides == strides


@pytest.mark.parametrize("layer", [*LAYERS, *HEADS], ids=labels)
def test_layers_are_exported_as_they_are(layer: Block, tmp_path: Path) -> None:
    module = layer.module(ModuleOptions(num_classes=3))
    with torch.no_grad():
        module(tokens(layer, 16))  # batch normalisation has seen something
    write_onnx(module, tmp_path / "layer.onnx", (2, *layer.in_shape))
    assert check_onnx(tmp_path / "layer.onnx", module) < 1e-4


def test_attention_is_that_of_torch() -> None:
    layer = AttentionBlock(9, 24, norm="layer", heads=3, head_dim=8, value_dim=8)
    module, x = layer.module(ModuleOptions()).eval(), tokens(layer)
    attention = next(part for part in module.modules() if isinstance(part, SelfAttention))
    judge = nn.MultiheadAttention(24, 3, batch_first=True).eval()
    per_head = attention.qkv.weight.view(3, 3, 8, 24), attention.qkv.bias.view(3, 3, 8)  # head, what, channel
    with torch.no_grad():
        judge.in_proj_weight.copy_(per_head[0].transpose(0, 1).reshape(72, 24))
        judge.in_proj_bias.copy_(per_head[1].transpose(0, 1).reshape(72))
        judge.out_proj.load_state_dict(attention.project.state_dict())
        normed = torch.nn.functional.layer_norm(x, (24,))
        torch.testing.assert_close(module(x), x + judge(normed, normed, normed)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", MIXERS, ids=labels)
def test_a_calm_layer_gives_back_what_it_gets(layer: Block) -> None:
    network = nn.Sequential(layer.module(ModuleOptions()), nn.Linear(8, 2)).train()
    calm(network)
    x = tokens(layer)
    torch.testing.assert_close(network[0](x), x)


@pytest.mark.parametrize("layer", MIXERS, ids=labels)
def test_drop_path_leaves_out_whole_images(layer: Block) -> None:
    module, x = layer.module(ModuleOptions(drop_path_rate=0.5)).train(), tokens(layer, 64)
    kept = (module(x) != x).flatten(1).any(1)
    assert 10 < int(kept.sum()) < 54


def test_what_an_mlp_without_convolution_does_to_a_token_does_not_depend_on_the_others() -> None:
    x = tokens(MIXERS[3], 1)
    for layer, alone in ((MIXERS[3], True), (MIXERS[4], False), (MIXERS[6], False), (MIXERS[0], False)):
        module, x = layer.module(ModuleOptions()).eval(), tokens(layer, 1)
        for part in module.modules():
            if isinstance(part, SpatialGating):
                nn.init.normal_(part.mix.weight)
        other = x.clone()
        other[:, 0] += torch.linspace(-1, 1, x.shape[2])
        assert torch.equal(module(x)[:, 1:], module(other)[:, 1:]) == alone


def test_a_spatial_gate_starts_open() -> None:
    gate = SpatialGating(9, 4, nn.Identity())
    x = tokens(TokenHeadBlock(9, 8, norm="layer"))
    torch.testing.assert_close(gate(x), x[..., :4], rtol=1e-2, atol=1e-2)


def test_batch_normalisation_of_tokens_is_that_of_torch() -> None:
    mine, judge = TokenBatchNorm(8), nn.BatchNorm1d(8)
    nn.init.normal_(mine.weight)
    judge.load_state_dict(mine.state_dict())
    x = 3 * tokens(TokenHeadBlock(9, 8, norm="batch")) + 1
    for training in (True, False):
        mine.train(training)
        judge.train(training)
        torch.testing.assert_close(mine(x), judge(x.transpose(1, 2)).transpose(1, 2))


def test_residual_branches_of_tokens_are_those_of_maps() -> None:
    assert all(isinstance(layer.module(ModuleOptions()), Residual) for layer in MIXERS)


@pytest.mark.parametrize(
    ("layer", "field", "value", "message"),
    [
        (TOKENIZERS[0], "stride", 6, r"it.stride = 6: must be a power of two"),
        (TOKENIZERS[0], "position", "sine", r"it.position = 'sine': must be one of none, learnt"),
        (MIXERS[2], "tokens", 10, r"it.tokens = 10: must be a square number, as there is a convolution"),
        (MIXERS[2], "kernel", 2, r"it.kernel = 2: must be odd, or 0 for no convolution"),
        (MIXERS[0], "norm", "group", r"it.norm = 'group': must be one of layer, batch"),
        (MIXERS[0], "heads", 0, r"it.heads = 0: must be a whole number from 1"),
    ],
)
def test_wrong_fields_are_refused_by_name(layer: Block, field: str, value: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        layer_from_dict({**layer.to_dict(), field: value}, "it")
    assert layer_from_dict(layer.to_dict(), "it") == layer


def test_settings_in_words() -> None:
    assert [layer.settings for layer in (TOKENIZERS[0], *MIXERS[::2], LAYERS[-1], HEADS[0])] == [
        "1 x 8 stride 4 dim 12 position gelu",
        "3 heads of 8 values 16 layer norm",
        "hidden 24 depthwise 3x3 gelu layer norm",
        "hidden 5 relu layer norm",
        "gated 12 gelu layer norm",
        "3x3 stride 2 dim 16",
        "mean layer norm",
    ]


def test_likeness_tells_apart_what_differs_and_doublings_are_steps() -> None:
    layers = [MIXERS[0], replace(MIXERS[0], dim=48), replace(MIXERS[0], norm="batch")]  # type: ignore[type-var]
    near = BlockRows.of(layers).likeness()
    assert np.abs(near - near[0]).sum(axis=1).tolist() == [0, 1, 1]
