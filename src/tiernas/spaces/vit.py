"""`vit`: hybrids of convolutions and attention, 25 integers.

A stem, a stage of inverted residual blocks at stride 4 and one at stride 8, then a stage of attention at stride 16 and
one at stride 32: ranges merged from ElasticViT (arXiv 2303.09730) and EfficientFormerV2 (arXiv 2212.08059). Positions
are learned only at the first stage of attention; there is no class token: the classifier uses the mean of all tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tiernas.blocks import Block, IrbBlock, StemBlock, TokenHeadBlock, TokenizerBlock, TokenPoolBlock
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

_STEM_KERNEL = 3
_SE_DIVISOR = 4
"""Input channels per channel of squeeze-and-excitation."""
_CONVOLUTIONS = ("stage1", "stage2")
_ATTENTION = ("stage3", "stage4")
_OF_ATTENTION = ("dim", "head_dim", "value_scale", "mlp_ratio", "depthwise", "layers")


class ViTSpace(PlannedSpace):
    """Two stages of inverted residual blocks and two of attention, for images of 128 to 256 pixels."""

    def __init__(self, name: str = "vit", num_classes: int = 1000) -> None:
        attention = {"head_dim": (16, 32), "value_scale": (1, 2, 4), "mlp_ratio": (1, 2, 3, 4), "depthwise": (0, 1)}
        dimensions = {
            "resolution": span(128, 256, 32),
            "stem.filters": (16, 24, 32),
            "stage1.filters": span(24, 48, 8),
            "stage1.kernel": (3, 5),
            "stage1.expansion": (2, 3, 4, 6),
            "stage1.layers": span(1, 4),
            "stage2.filters": span(40, 96, 8),
            "stage2.kernel": (3, 5),
            "stage2.expansion": (2, 3, 4, 6),
            "stage2.se": (0, 1),
            "stage2.layers": span(1, 5),
            "stage3.dim": span(96, 256, 32),
            **{f"stage3.{what}": allowed for what, allowed in attention.items()},
            "stage3.layers": span(1, 8),
            "stage4.dim": span(160, 448, 32),
            **{f"stage4.{what}": allowed for what, allowed in attention.items()},
            "stage4.layers": span(1, 6),
            "act": (0, 1),
            "norm": (0, 1),
        }
        categorical = ("act", "norm")
        super().__init__(name, tuple(Dimension(k, v, k in categorical) for k, v in dimensions.items()), num_classes)

    def canonical(self, vectors: IntArray) -> IntArray:
        result: IntArray = vectors.copy()  # every stage has layers, so every value matters
        return result

    def plan(self, values: Mapping[str, IntArray]) -> Iterator[Layers]:
        size, one = values["resolution"], np.ones_like(values["resolution"])
        activation = codes(STAGE_ACTIVATIONS, values["act"])
        channels = values["stem.filters"]
        stem: Columns = {"in_channels": 3, "out_channels": channels, "kernel": _STEM_KERNEL, "layers": 1}
        yield Layers(one, ((StemBlock, {**stem, "activation": activation, "in_size": size}),))
        size = size // 2
        for name in _CONVOLUTIONS:
            filters, layers = values[f"{name}.filters"], values[f"{name}.layers"]
            for stride, count in ((2, one), (1, layers - 1)):
                irb: Columns = {
                    "in_channels": channels,
                    "out_channels": filters,
                    "kernel": values[f"{name}.kernel"],
                    "stride": stride,
                    "mid_channels": channels * values[f"{name}.expansion"],
                    "se_channels": values.get(f"{name}.se", 0 * one) * channels // _SE_DIVISOR,
                    "activation": activation,
                    "padding": "same",
                    "gate": "sigmoid",
                    "in_size": size,
                }
                yield Layers(count, ((IrbBlock, irb),))
                channels, size = filters, size // stride
        grid, dim = size // 2, values["stage3.dim"]
        tokenizer: Columns = {
            "in_channels": channels,
            "filters": channels,
            "layers": 1,
            "stride": 2,
            "dim": dim,
            "position": "learnt",
            "activation": activation,
            "in_size": size,
        }
        yield Layers(one, ((TokenizerBlock, tokenizer),))
        yield self._attention("stage3", values, grid)
        yield Layers(one, ((TokenPoolBlock, {"grid": grid, "dim": dim, "out_dim": values["stage4.dim"]}),))
        grid = grid // 2
        yield self._attention("stage4", values, grid)
        norm = codes(STAGE_NORMS, values["norm"], NORMS)
        yield Layers(one, ((TokenHeadBlock, {"tokens": grid**2, "dim": values["stage4.dim"], "norm": norm}),))

    def read(self, layers: Sequence[Block]) -> dict[str, int]:
        values = {"stem.filters": first(layers, StemBlock).out_channels}
        strided = [i for i, layer in enumerate(layers) if isinstance(layer, IrbBlock) and layer.stride > 1]
        for name, begin, end in zip(_CONVOLUTIONS, strided, [*strided[1:], len(layers)], strict=False):
            irb = [layer for layer in layers[begin:end] if isinstance(layer, IrbBlock)]
            values |= {
                f"{name}.filters": irb[0].out_channels,
                f"{name}.kernel": irb[0].kernel,
                f"{name}.expansion": irb[0].mid_channels // irb[0].in_channels,
                f"{name}.se": int(irb[0].se_channels > 0),
                f"{name}.layers": len(irb),
            }
        for name, part in zip(_ATTENTION, split_at(layers, TokenPoolBlock), strict=False):
            stage = read_attention_stage(part)
            values |= {f"{name}.{what}": stage[what] for what in _OF_ATTENTION}
            values |= {what: stage[what] for what in ("act", "norm")}
        return values

    @staticmethod
    def _attention(name: str, values: Mapping[str, IntArray], grid: IntArray) -> Layers:
        own = {what: values[f"{name}.{what}"] for what in _OF_ATTENTION}
        return attention_stage(tokens=grid**2, act=values["act"], norm=values["norm"], **own)


VIT = ViTSpace()
