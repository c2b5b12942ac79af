"""A convolution with batch normalisation and activation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tiernas.blocks.activations import ACTIVATIONS, activation_work, costly
from tiernas.blocks.block import ModuleOptions, choice, whole
from tiernas.blocks.convolution import (
    PADDINGS,
    SKIPS,
    STAND_INS,
    WORK_KINDS,
    convolution_likeness,
    convolved_size,
    convolved_sizes,
    padding_words,
)
from tiernas.blocks.map_block import MapBlock
from tiernas.blocks.rows import BlockRows, FloatArray

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class ConvBlock(MapBlock):
    """A convolution.

    Attributes:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Size of the kernel.
        stride: Its stride.
        activation: One of `ACTIVATIONS`.
        padding: One of `PADDINGS`.
        in_size: Height and width of the square input, in pixels.
        skip: One of `SKIPS`.
    """

    block = "conv"
    work_kinds = WORK_KINDS
    stand_ins = STAND_INS

    in_channels: int
    out_channels: int
    kernel: int = field(metadata=whole(odd=True))
    stride: int
    activation: str = field(metadata=choice(*ACTIVATIONS))
    padding: str = field(metadata=choice(*PADDINGS))
    in_size: int
    skip: str = field(default=SKIPS[1], metadata=choice(*SKIPS))

    @property
    def out_shape(self) -> tuple[int, ...]:
        size = convolved_size(self.in_size, self.kernel, self.stride, self.padding)
        return self.out_channels, size, size

    @property
    def reduction(self) -> int:
        return self.stride

    @property
    def settings(self) -> str:
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        return f"{self.kernel}x{self.kernel}{stride} {self.activation}{self._rare_words}"

    @property
    def label(self) -> str:
        stride = f"/{self.stride}" if self.stride > 1 else ""
        kernel, channels = f"{self.kernel}x{self.kernel}{stride}", f"{self.in_channels}-{self.out_channels}"
        return f"{self.block} {kernel} {channels} {self.activation}{self._rare_words} @{self.in_size}"

    @property
    def residual(self) -> bool:
        """Whether the input is added to the output."""
        return self.skip == "auto" and self.stride == 1 and self.in_shape == self.out_shape

    @property
    def _rare_words(self) -> str:
        return padding_words(self.padding) + (" skip" if self.skip == "auto" else "")

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, outs, kernel, stride, size = rows.numbers("in_channels", "out_channels", "kernel", "stride", "in_size")
        out_size = convolved_sizes(size, kernel, stride, ~rows.have("padding", "valid"))
        output = out_size**2 * outs
        return {
            "spatial_macs": output * kernel**2 * ins,
            "weights": kernel**2 * ins * outs,
            "input": size**2 * ins,
            "inner": output,
            "output": output,
            "added": output * ((stride == 1) & (ins == outs) & (out_size == size) & rows.have("skip", "auto")),
            "row_starts": out_size,
            **activation_work(rows, output),
        }

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        ins, outs, kernel, stride, size = rows.numbers("in_channels", "out_channels", "kernel", "stride", "in_size")
        return convolution_likeness(
            inputs=ins, outputs=outs, between=0, size=size, kernel=kernel, stride=stride, costly=costly(rows)
        )

    def module(self, options: ModuleOptions) -> nn.Module:
        from torch import nn

        from tiernas.blocks.modules import Residual, conv_bn_act, convolution

        conv = convolution(self.in_channels, self.out_channels, self.kernel, self.stride, padding=self.padding)
        body = nn.Sequential(*conv_bn_act(conv, options.bn_eps, self.activation))
        return Residual(body, True, options.drop_path_rate) if self.residual else body
