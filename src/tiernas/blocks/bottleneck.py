"""What IRB and fused IRB have in common: they widen a map, may weigh its channels, and narrow it again."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

from tiernas.blocks.activations import ACTIVATIONS, GATES, costly, squeeze_name
from tiernas.blocks.block import choice, whole
from tiernas.blocks.convolution import PADDINGS, STAND_INS, WORK_KINDS, convolution_likeness, convolved_size
from tiernas.blocks.map_block import MapBlock
from tiernas.blocks.rows import BlockRows, FloatArray


@dataclass(frozen=True, slots=True)
class Bottleneck(MapBlock, abc.ABC):
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

    @property
    def out_shape(self) -> tuple[int, ...]:
        size = convolved_size(self.in_size, self.kernel, self.stride, self.padding)
        return self.out_channels, size, size

    @property
    def reduction(self) -> int:
        return self.stride

    @property
    def residual(self) -> bool:
        """Whether the input is added to the output: with stride 1, where the output has the input's shape."""
        return self.stride == 1 and self.in_shape == self.out_shape

    @property
    def settings(self) -> str:
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        squeeze = f" {squeeze_name(self.gate)} {self.se_channels}" if self.se_channels else ""
        return f"{self.kernel}x{self.kernel}{stride} mid {self.mid_channels}{squeeze} {self.activation}"

    @property
    def label(self) -> str:
        stride = f"/{self.stride}" if self.stride > 1 else ""
        channels = f"{self.in_channels}-{self.mid_channels}-{self.out_channels}"
        squeeze = f" {squeeze_name(self.gate)}{self.se_channels}" if self.se_channels else ""
        kernel = f"{self.kernel}x{self.kernel}{stride}"
        return f"{self.block} {kernel} {channels}{squeeze} {self.activation} @{self.in_size}"

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
