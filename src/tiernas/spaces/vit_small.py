"""`vit-small`: vision transformers for small images, 14 integers.

A convolutional tokenizer of stride 4 (Compact Convolutional Transformers, arXiv 2104.05704), a stage of attention on
8 x 8 to 16 x 16 tokens, and a second on a quarter of them, pooled by a strided depthwise convolution (PiT, arXiv
2103.16302). Without a second stage, it is nearly a Compact Convolutional Transformer. Positions are learned once, after
the tokenizer; the classifier uses the mean of all tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tiernas.blocks import Block, TokenHeadBlock, TokenizerBlock, TokenPoolBlock
from tiernas.blocks.rows import IntArray
from tiernas.blocks.tokens import NORMS
from tiernas.spaces.attention_stage import (
    STAGE_ACTIVATIONS,
    STAGE_NORMS,
    attention_stage,
    read_attention_stage,
)
from tiernas.spaces.planned import Columns, Layers, PlannedSpace, codes, first, span, split_at
from tiernas.spaces.space import Dimension

_STRIDE = 4
_STAGES = ("stage1", "stage2")
_OF_STAGE = ("dim", "head_dim", "mlp_ratio", "layers")


class SmallViTSpace(PlannedSpace):
    """Vision transformers with one or two stages for images of 32 to 64 pixels."""

    def __init__(self, name: str = "vit-small", num_classes: int = 10) -> None:
        dimensions = {
            "resolution": span(32, 64, 8),
            "tokenizer.layers": (1, 2, 3),
            "tokenizer.filters": (32, 48, 64),
            "stage1.dim": span(64, 256, 32),
            "stage1.head_dim": (16, 32, 64),
            "stage1.mlp_ratio": (1, 2, 3, 4),
            "stage1.layers": span(1, 8),
            "stage2.dim": span(96, 384, 32),
            "stage2.head_dim": (16, 32),
            "stage2.mlp_ratio": (1, 2, 3, 4),
            "stage2.layers": span(0, 8),
            "depthwise": (0, 1),
            "act": (0, 1),
            "norm": (0, 1),
        }
        categorical = ("act", "norm")
        super().__init__(name, tuple(Dimension(k, v, k in categorical) for k, v in dimensions.items()), num_classes)

    def canonical(self, vectors: IntArray) -> IntArray:
        result: IntArray = vectors.copy()
        names = [f"stage2.{what}" for what in _OF_STAGE]
        self.reset(result, vectors[:, self._position("stage2.layers")] == 0, names)
        return result

    def plan(self, values: Mapping[str, IntArray]) -> Iterator[Layers]:
        size, one = values["resolution"], np.ones_like(values["resolution"])
        grid, dim = size // _STRIDE, values["stage1.dim"]
        tokenizer: Columns = {
            "in_channels": 3,
            "filters": values["tokenizer.filters"],
            "layers": values["tokenizer.layers"],
            "stride": _STRIDE,
            "dim": dim,
            "position": "learnt",
            "activation": codes(STAGE_ACTIVATIONS, values["act"]),
            "in_size": size,
        }
        yield Layers(one, ((TokenizerBlock, tokenizer),))
        yield self._stage("stage1", values, grid)
        pooled = (values["stage2.layers"] > 0).astype(np.int64)
        pool = {"grid": grid, "dim": dim, "out_dim": values["stage2.dim"]}
        yield Layers(pooled, ((TokenPoolBlock, pool),))
        grid = np.where(pooled, (grid + 1) // 2, grid)
        dim = np.where(pooled, values["stage2.dim"], dim)
        yield self._stage("stage2", values, grid)
        head = {"tokens": grid**2, "dim": dim, "norm": codes(STAGE_NORMS, values["norm"], NORMS)}
        yield Layers(one, ((TokenHeadBlock, head),))

    def read(self, layers: Sequence[Block]) -> dict[str, int]:
        tokenizer = first(layers, TokenizerBlock)
        values = {"tokenizer.layers": tokenizer.layers, "tokenizer.filters": tokenizer.filters}
        for name, part in zip(_STAGES, split_at(layers, TokenPoolBlock), strict=False):
            stage = read_attention_stage(part)
            values |= {f"{name}.{what}": stage[what] for what in _OF_STAGE}
            values |= {what: stage[what] for what in ("depthwise", "act", "norm")}
        return {"stage2.layers": 0, **values}

    @staticmethod
    def _stage(name: str, values: Mapping[str, IntArray], grid: IntArray) -> Layers:
        own = {what: values[f"{name}.{what}"] for what in _OF_STAGE}
        shared = {what: values[what] for what in ("depthwise", "act", "norm")}
        return attention_stage(tokens=grid**2, value_scale=1, **own, **shared)


VIT_SMALL = SmallViTSpace()
