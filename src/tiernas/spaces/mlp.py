"""`mlp` (19 integers) and `mlp-small` (13): networks that mix tokens with linear layers.

A convolutional stem creates tokens; each stage mixes them with token MLPs (MLP-Mixer, arXiv 2105.01601), which
alternate with channel MLPs, or with spatial gates (gMLP, arXiv 2105.08050), which also act as channel MLPs. Between
stages a strided depthwise convolution keeps a quarter of the tokens. Such layers need no position embeddings. The
classifier uses the mean of all tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tiernas.blocks import (
    Block,
    MlpBlock,
    SpatialGateBlock,
    TokenHeadBlock,
    TokenizerBlock,
    TokenMlpBlock,
    TokenPoolBlock,
)
from tiernas.blocks.rows import IntArray
from tiernas.blocks.tokens import NORMS
from tiernas.errors import UsageError
from tiernas.spaces.attention_stage import STAGE_ACTIVATIONS, STAGE_NORMS
from tiernas.spaces.planned import Columns, Layers, PlannedSpace, codes, first, position, span, split_at
from tiernas.spaces.space import Dimension

_OF_STAGE = ("dim", "mixer", "token_ratio", "channel_ratio", "layers")
_TOKEN_MLP, _GATE = 0, 1
"""Meaning of the values of a dimension `mixer`."""
_QUARTERS = 4
"""A token ratio counts quarters: 1, 2 and 4 mean 1/4, 1/2 and 1 hidden value per token."""


@dataclass(frozen=True, slots=True)
class MlpStage:
    """Allowed values of a stage, as `(minimum, maximum, step)` or `(minimum, maximum)`."""

    dim: tuple[int, int, int]
    layers: tuple[int, int]


class MlpSpace(PlannedSpace):
    """Networks of token MLPs or spatial gates, stage by stage.

    Args:
        name: Name of the space.
        resolution: Allowed resolutions of the input, in pixels.
        stem_filters: Allowed filters of the stem's convolutions; not a dimension if there is only one.
        stem_stride: Pixels per token of the first stage, a power of two; each halving is one convolution.
        stages: The ranges of the stages, in order. Only the last one may have no layers.
        num_classes: Default number of classes of latency tables.

    Raises:
        UsageError: A stage other than the last one may have no layers.
    """

    def __init__(
        self,
        name: str,
        *,
        resolution: tuple[int, ...],
        stem_filters: tuple[int, ...],
        stem_stride: int,
        stages: tuple[MlpStage, ...],
        num_classes: int,
    ) -> None:
        dimensions = [Dimension("resolution", resolution)]
        if len(stem_filters) > 1:
            dimensions.append(Dimension("stem.filters", stem_filters))
        self.stages = tuple(f"stage{i}" for i in range(1, len(stages) + 1))
        for stage, ranges in zip(self.stages, stages, strict=True):
            if ranges.layers[0] < (stage != self.stages[-1]):
                raise UsageError(f"space {name!r}: {stage} must have at least 1 layer; only the last one may have none")
            dimensions += [
                Dimension(f"{stage}.dim", span(*ranges.dim)),
                Dimension(f"{stage}.mixer", (_TOKEN_MLP, _GATE), categorical=True),
                Dimension(f"{stage}.token_ratio", (1, 2, 4)),
                Dimension(f"{stage}.channel_ratio", (2, 3, 4, 6)),
                Dimension(f"{stage}.layers", span(*ranges.layers)),
            ]
        dimensions += [Dimension("act", (0, 1), categorical=True), Dimension("norm", (0, 1), categorical=True)]
        super().__init__(name, tuple(dimensions), num_classes)
        self.stem_stride = stem_stride
        self.stem_filters = stem_filters

    def canonical(self, vectors: IntArray) -> IntArray:
        result: IntArray = vectors.copy()
        for stage in self.stages:
            absent = vectors[:, self._position(f"{stage}.layers")] == 0
            self.reset(result, absent, [f"{stage}.{what}" for what in _OF_STAGE])
            gates = vectors[:, self._position(f"{stage}.mixer")] == _GATE
            self.reset(result, gates, [f"{stage}.token_ratio"])
        return result

    def plan(self, values: Mapping[str, IntArray]) -> Iterator[Layers]:
        size, one = values["resolution"], np.ones_like(values["resolution"])
        act, norm = codes(STAGE_ACTIVATIONS, values["act"]), codes(STAGE_NORMS, values["norm"], NORMS)
        grid, dim = -(-size // self.stem_stride), values["stage1.dim"]
        tokenizer: Columns = {
            "in_channels": 3,
            "filters": values.get("stem.filters", self.stem_filters[0] * one),
            "layers": self.stem_stride.bit_length() - 1,
            "stride": self.stem_stride,
            "dim": dim,
            "position": "none",
            "activation": act,
            "in_size": size,
        }
        yield Layers(one, ((TokenizerBlock, tokenizer),))
        for stage in self.stages:
            out_dim, mixer, token_ratio, channel_ratio, layers = (values[f"{stage}.{what}"] for what in _OF_STAGE)
            if stage != self.stages[0]:
                pooled = (layers > 0).astype(np.int64)
                yield Layers(pooled, ((TokenPoolBlock, {"grid": grid, "dim": dim, "out_dim": out_dim}),))
                grid = np.where(pooled, (grid + 1) // 2, grid)
                dim = np.where(pooled, out_dim, dim)
            tokens = grid**2
            shared = {"tokens": tokens, "dim": dim, "activation": act, "norm": norm}
            mixing = {**shared, "hidden": _hidden(tokens, token_ratio)}
            mlp: Columns = {**shared, "hidden": dim * channel_ratio, "kernel": 0}
            yield Layers(np.where(mixer == _TOKEN_MLP, layers, 0), ((TokenMlpBlock, mixing), (MlpBlock, mlp)))
            gate = {**shared, "gated": dim * channel_ratio // 2}
            yield Layers(np.where(mixer == _GATE, layers, 0), ((SpatialGateBlock, gate),))
        yield Layers(one, ((TokenHeadBlock, {"tokens": grid**2, "dim": dim, "norm": norm}),))

    def read(self, layers: Sequence[Block]) -> dict[str, int]:
        tokenizer, head = first(layers, TokenizerBlock), first(layers, TokenHeadBlock)
        values = {
            "stem.filters": tokenizer.filters,
            "act": position("activation", STAGE_ACTIVATIONS, tokenizer.activation),
            "norm": position("normalization", STAGE_NORMS, head.norm),
            f"{self.stages[-1]}.layers": 0,
        }
        for stage, part in zip(self.stages, split_at(layers, TokenPoolBlock), strict=False):
            values |= {f"{stage}.{what}": value for what, value in _read_stage(part).items()}
        return values


def _hidden(tokens: IntArray, quarters: IntArray) -> IntArray:
    return -(-tokens * quarters // _QUARTERS)


def _read_stage(layers: Sequence[Block]) -> dict[str, int]:
    gates = [layer for layer in layers if isinstance(layer, SpatialGateBlock)]
    if gates:
        return {
            "dim": gates[0].dim,
            "mixer": _GATE,
            "channel_ratio": 2 * gates[0].gated // gates[0].dim,
            "layers": len(gates),
        }
    mixing, mlp = first(layers, TokenMlpBlock), first(layers, MlpBlock)
    return {
        "dim": mlp.dim,
        "mixer": _TOKEN_MLP,
        "token_ratio": _QUARTERS * mixing.hidden // mixing.tokens,
        "channel_ratio": mlp.hidden // mlp.dim,
        "layers": sum(isinstance(layer, TokenMlpBlock) for layer in layers),
    }


MLP = MlpSpace(
    "mlp",
    resolution=span(160, 256, 32),
    stem_filters=(16, 24, 32, 48),
    stem_stride=8,
    stages=(
        MlpStage(dim=(64, 160, 32), layers=(1, 4)),
        MlpStage(dim=(96, 256, 32), layers=(1, 8)),
        MlpStage(dim=(160, 448, 32), layers=(1, 6)),
    ),
    num_classes=1000,
)

MLP_SMALL = MlpSpace(
    "mlp-small",
    resolution=span(32, 64, 8),
    stem_filters=(48,),
    stem_stride=4,
    stages=(MlpStage(dim=(64, 224, 32), layers=(1, 8)), MlpStage(dim=(96, 352, 32), layers=(0, 8))),
    num_classes=10,
)
