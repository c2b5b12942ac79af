"""What IRB and fused IRB have in common: they widen a map, may weigh its channels, and narrow it again."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

from tiernas.blocks.activations import ACTIVATIONS, GATES, SE_ACTIVATIONS, costly
from tiernas.blocks.block import choice, whole
from tiernas.blocks.convolution import PADDINGS, SKIPS, STAND_INS, WORK_KINDS, convolution_likeness
from tiernas.blocks.projected_block import ProjectedBlock
from tiernas.blocks.rows import BlockRows, FloatArray


@dataclass(frozen=True, slots=True)
class Bottleneck(ProjectedBlock, abc.ABC):
    """A block that expands channels, convolves, and projects back.

    Attributes:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Size of the spatial convolution.
        stride: Stride of the spatial convolution.
        mid_channels: Channels after the expansion.
        se_channels: Channels of the squeeze-and-excitation bottleneck, 0 without one.
        activation: One of `ACTIVATIONS`.
        padding: One of `PADDINGS`, of the spatial convolution.
        in_size: Height and width of the square input, in pixels.
        gate: One of `GATES`, of the squeeze-and-excitation.
        se_activation: One of `SE_ACTIVATIONS`, inside the squeeze-and-excitation.
        skip: One of `SKIPS`.
    """

    work_kinds = WORK_KINDS
    stand_ins = STAND_INS

    in_channels: int
    out_channels: int
    kernel: int = field(metadata=whole(odd=True))
    stride: int
    mid_channels: int
    se_channels: int = field(metadata=whole(0))
    activation: str = field(metadata=choice(*ACTIVATIONS))
    padding: str = field(metadata=choice(*PADDINGS))
    in_size: int
    gate: str = field(default=GATES[0], metadata=choice(*GATES))
    se_activation: str = field(default=SE_ACTIVATIONS[0], metadata=choice(*SE_ACTIVATIONS))
    skip: str = field(default=SKIPS[0], metadata=choice(*SKIPS))

    @property
    def settings(self) -> str:
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        squeeze = self.squeeze_words(" ")
        kernel = f"{self.kernel}x{self.kernel}{stride}"
        return f"{kernel} mid {self.mid_channels}{squeeze} {self.activation}{self.rare_words()}"

    @property
    def label(self) -> str:
        stride = f"/{self.stride}" if self.stride > 1 else ""
        channels = f"{self.in_channels}-{self.mid_channels}-{self.out_channels}"
        kernel = f"{self.kernel}x{self.kernel}{stride}"
        squeeze = self.squeeze_words("")
        return f"{self.block} {kernel} {channels}{squeeze} {self.activation}{self.rare_words()} @{self.in_size}"

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        ins, outs, mid, squeezed = rows.numbers("in_channels", "out_channels", "mid_channels", "se_channels")
        kernel, stride, size = rows.numbers("kernel", "stride", "in_size")
        return convolution_likeness(
            inputs=ins,
            outputs=outs,
            between=mid,
            size=size,
            kernel=kernel,
            stride=stride,
            costly=costly(rows),
            squeezed=squeezed > 0,
        )
