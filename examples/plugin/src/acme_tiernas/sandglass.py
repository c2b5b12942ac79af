"""The search space `acme-sandglass`, for images of 24 to 48 pixels, and its block `sandglass`.

A network is a stem of tiernas, three stages of sandglasses, the last of which may be empty, and a head of tiernas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks import Block, BlockRows, HeadBlock, ModuleOptions, Sizes, StemBlock
from tiernas.blocks.block import whole
from tiernas.blocks.map_block import MapBlock
from tiernas.blocks.rows import FloatArray, IntArray
from tiernas.spaces import Dimension, Layers, PlannedSpace
from tiernas.spaces.planned import Columns, first

if TYPE_CHECKING:
    from torch import nn  # imported only when networks are built: it takes a second


@dataclass(frozen=True, slots=True)
class SandglassBlock(MapBlock):
    """Two depthwise convolutions, and a bottleneck of two 1x1 convolutions between them (arXiv 2007.02269).

    Attributes:
        in_channels: Channels of the input.
        mid_channels: Channels of the bottleneck.
        out_channels: Channels of the output.
        kernel: Size of both depthwise convolutions.
        stride: Stride of the second one.
        in_size: Height and width of the square input, in pixels.
    """

    block = "sandglass"
    work_kinds = ("depthwise_macs", "pointwise_macs", "weights", "moved")

    in_channels: int
    mid_channels: int
    out_channels: int
    kernel: int = field(metadata=whole(odd=True))
    stride: int
    in_size: int

    @property
    def out_shape(self) -> tuple[int, ...]:
        size = (self.in_size - 1) // self.stride + 1
        return self.out_channels, size, size

    @property
    def reduction(self) -> int:
        return self.stride

    @property
    def settings(self) -> str:
        return f"{self.kernel}x{self.kernel} stride {self.stride} mid {self.mid_channels}"

    @property
    def label(self) -> str:
        channels = f"{self.in_channels}-{self.mid_channels}-{self.out_channels}"
        return f"{self.block} {self.kernel}x{self.kernel}/{self.stride} {channels} @{self.in_size}"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        """The work of many layers at once; `moved` are the elements that the four convolutions read and write."""
        ins, mid, outs, kernel, stride, size = rows.numbers(*cls.columns())
        before, after = size**2, ((size - 1) // stride + 1) ** 2
        return {
            "depthwise_macs": kernel**2 * (before * ins + after * outs),
            "pointwise_macs": before * mid * (ins + outs),
            "weights": (kernel**2 + mid) * (ins + outs),
            "moved": before * (3 * ins + 2 * mid + 2 * outs) + after * outs,
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        """Exact counts for `[limits]`; each of the four convolutions holds its input and output, and what is added."""
        ins, mid, outs, kernel, stride, size = rows.numbers(*cls.columns())
        before, after = size**2, ((size - 1) // stride + 1) ** 2
        added = before * ins * ((before == after) & (ins == outs))
        further = np.maximum.reduce([before * (ins + mid), before * (mid + outs), (before + after) * outs])
        return Sizes(
            weights=(kernel**2 + mid) * (ins + outs),
            other_params=2 * (ins + mid + 2 * outs),
            macs=rows.macs(),
            held=np.maximum(2 * before * ins, added + further),
        )

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        return np.log2(np.stack(rows.numbers(*cls.columns()), axis=1))

    def module(self, options: ModuleOptions) -> nn.Module:
        from torch import nn

        from tiernas.blocks.modules import Residual, conv_bn_act, convolution

        ins, mid, outs, eps = self.in_channels, self.mid_channels, self.out_channels, options.bn_eps
        body = nn.Sequential(
            *conv_bn_act(convolution(ins, ins, self.kernel, groups=ins), eps, "relu6"),
            *(convolution(ins, mid, 1), nn.BatchNorm2d(mid, eps=eps)),
            *conv_bn_act(convolution(mid, outs, 1), eps, "relu6"),
            *(convolution(outs, outs, self.kernel, self.stride, groups=outs), nn.BatchNorm2d(outs, eps=eps)),
        )
        return Residual(body, self.in_shape == self.out_shape, options.drop_path_rate)


FILTERS = {"stage1": (24, 32, 48), "stage2": (32, 48, 64), "stage3": (64, 96, 128)}
OF_STAGE = ("filters", "reduction", "kernel", "layers")


class SandglassSpace(PlannedSpace):
    """Networks of sandglasses: 14 integers."""

    def __init__(self, name: str = "acme-sandglass", num_classes: int = 10) -> None:
        dimensions = {"resolution": (24, 32, 48), "stem.filters": (16, 24)}
        for stage, filters in FILTERS.items():
            values = (filters, (2, 4), (3, 5), (0, 1, 2, 3) if stage == "stage3" else (1, 2, 3))
            dimensions |= {f"{stage}.{what}": each for what, each in zip(OF_STAGE, values, strict=True)}
        super().__init__(name, tuple(Dimension(*item) for item in dimensions.items()), num_classes)

    def canonical(self, vectors: IntArray) -> IntArray:
        """If the last stage has no layers, its other values do not matter."""
        result: IntArray = vectors.copy()
        self.reset(result, vectors[:, -1] == 0, [f"stage3.{what}" for what in OF_STAGE])
        return result

    def plan(self, values: Mapping[str, IntArray]) -> Iterator[Layers]:
        """The layers of many networks at once, in the order they run."""
        size, channels = values["resolution"], values["stem.filters"]
        one = np.ones_like(size)
        stem: Columns = {"in_channels": 3, "out_channels": channels, "kernel": 3, "layers": 1, "in_size": size}
        yield Layers(one, ((StemBlock, {**stem, "activation": "relu6"}),))
        size = (size + 1) // 2
        for stage in FILTERS:
            filters, reduction, kernel, layers = (values[f"{stage}.{what}"] for what in OF_STAGE)
            shared = {"mid_channels": filters // reduction, "out_channels": filters, "kernel": kernel}
            halving: Columns = {**shared, "in_channels": channels, "stride": 2, "in_size": size}
            yield Layers(np.minimum(layers, 1), ((SandglassBlock, halving),))
            channels = np.where(layers > 0, filters, channels)
            size = np.where(layers > 0, (size + 1) // 2, size)
            further: Columns = {**shared, "in_channels": filters, "stride": 1, "in_size": size}
            yield Layers(np.maximum(layers - 1, 0), ((SandglassBlock, further),))
        head: Columns = {"in_channels": channels, "filters": 160, "hidden": 0, "in_size": size}
        yield Layers(one, ((HeadBlock, {**head, "activation": "relu6"}),))

    def read(self, layers: Sequence[Block]) -> dict[str, int]:
        """The values of the dimensions in the layers of a network."""
        values = {"stem.filters": first(layers, StemBlock).out_channels, "stage3.layers": 0}
        body = [layer for layer in layers if isinstance(layer, SandglassBlock)]
        begins = [place for place, layer in enumerate(body) if layer.stride == 2]
        for stage, (begin, end) in zip(FILTERS, pairwise([*begins, len(body)]), strict=False):
            layer = body[begin]
            found = (layer.out_channels, layer.out_channels // layer.mid_channels, layer.kernel, end - begin)
            values |= {f"{stage}.{what}": value for what, value in zip(OF_STAGE, found, strict=True)}
        return values


SPACE = SandglassSpace()
