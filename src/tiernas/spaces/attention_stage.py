"""A stage of attention, shared by the two spaces of vision transformers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tiernas.blocks import AttentionBlock, Block, MlpBlock
from tiernas.blocks.rows import IntArray
from tiernas.blocks.tokens import NORMS
from tiernas.spaces.planned import Layers, codes, first, position

STAGE_ACTIVATIONS = ("relu", "gelu")
STAGE_NORMS = ("layer", "batch")
"""Meaning of the values of the dimensions `act` and `norm`."""
_DEPTHWISE_KERNEL = 3


def attention_stage(
    *,
    layers: IntArray,
    tokens: IntArray,
    dim: IntArray,
    head_dim: IntArray,
    value_scale: IntArray | int,
    mlp_ratio: IntArray,
    depthwise: IntArray,
    act: IntArray,
    norm: IntArray,
) -> Layers:
    """The layers of a stage in `n` networks, attention and MLP alternating.

    The number of heads, `dim / head_dim`, is rounded down, but is at least 1.

    Args:
        layers: Number of each (`n`, like all others).
        tokens: Number of tokens.
        dim: Channels of a token.
        head_dim: Channels of the queries of a head.
        value_scale: Channels of the values of a head per channel of its queries.
        mlp_ratio: Hidden channels of the MLP per channel of a token.
        depthwise: Whether the MLP has a depthwise convolution.
        act: Position in `STAGE_ACTIVATIONS`.
        norm: Position in `STAGE_NORMS`.
    """
    shared = {"tokens": tokens, "dim": dim, "norm": codes(STAGE_NORMS, norm, NORMS)}
    heads = np.maximum(dim // head_dim, 1)
    attention = {"heads": heads, "head_dim": head_dim, "value_dim": head_dim * value_scale, **shared}
    mlp = {
        "hidden": dim * mlp_ratio,
        "kernel": depthwise * _DEPTHWISE_KERNEL,
        "activation": codes(STAGE_ACTIVATIONS, act),
        **shared,
    }
    return Layers(layers, ((AttentionBlock, attention), (MlpBlock, mlp)))


def read_attention_stage(layers: Sequence[Block]) -> dict[str, int]:
    """The arguments of `attention_stage` by name, except `tokens`, for the layers of a stage.

    Raises:
        LookupError: There is no attention or no MLP, or an activation that stages do not support.
    """
    attention, mlp = first(layers, AttentionBlock), first(layers, MlpBlock)
    return {
        "layers": sum(isinstance(layer, AttentionBlock) for layer in layers),
        "dim": attention.dim,
        "head_dim": attention.head_dim,
        "value_scale": attention.value_dim // attention.head_dim,
        "mlp_ratio": mlp.hidden // mlp.dim,
        "depthwise": int(mlp.kernel > 0),
        "act": position("activation", STAGE_ACTIVATIONS, mlp.activation),
        "norm": position("normalization", STAGE_NORMS, attention.norm),
    }
