"""A stage of attention: what the two spaces of vision transformers have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tiernas.blocks import AttentionBlock, Block, MlpBlock
from tiernas.blocks.rows import IntArray
from tiernas.blocks.tokens import NORMS
from tiernas.spaces.planned import Layers, codes, first, position

STAGE_ACTIVATIONS = ("relu", "gelu")
STAGE_NORMS = ("layer", "batch")
"""What the values of dimensions `act` and `norm` stand for."""
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
    """The layers of a stage in `n` networks: attention and MLP in turn. What head dimensions leave over is left out.

    Args:
        layers: How many of each (`n`, as all others).
        tokens: How many tokens.
        dim: Channels of a token.
        head_dim: Channels of the queries of a head.
        value_scale: How many times as many channels its values have.
        mlp_ratio: How many times as many channels the MLP has inside.
        depthwise: Whether it has a depthwise convolution.
        act: Position among `STAGE_ACTIVATIONS`.
        norm: Position among `STAGE_NORMS`.
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
    """The arguments of `attention_stage` by name, but for the tokens, of the layers of a stage.

    Raises:
        LookupError: There is no attention, no MLP, or an activation that no stage has.
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
        "norm": position("normalisation", STAGE_NORMS, attention.norm),
    }
