"""A convolution with batch normalization and activation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tiernas.blocks.activations import ACTIVATIONS, activation_work, costly
from tiernas.blocks.block import ModuleOptions, choice, whole
from tiernas.blocks.convolution import PADDINGS, SKIPS, bn_act_params, convolution_likeness
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes, counted_macs
from tiernas.blocks.strided import StridedBlock, added, convolved

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class ConvBlock(StridedBlock):
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

    in_channels: int
    out_channels: int
    kernel: int = field(metadata=whole(odd=True))
    stride: int
    activation: str = field(metadata=choice(*ACTIVATIONS))
    padding: str = field(metadata=choice(*PADDINGS))
    in_size: int
    skip: str = field(default=SKIPS[1], metadata=choice(*SKIPS))

    def _rare(self) -> str:
        return StridedBlock._rare(self) + (" skip" if self.skip == "auto" else "")

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, outs, kernel, size = rows.numbers("in_channels", "out_channels", "kernel", "in_size")
        out_size = convolved(rows)
        output = out_size**2 * outs
        return {
            "spatial_macs": output * kernel**2 * ins,
            "weights": kernel**2 * ins * outs,
            "input": size**2 * ins,
            "inner": output,
            "output": output,
            "added": output * added(rows, out_size),
            "row_starts": out_size,
            **activation_work(rows, output),
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        (outs,) = rows.numbers("out_channels")
        return Sizes(
            weights=counted["weights"],
            other_params=bn_act_params(rows, outs),
            macs=counted_macs(counted),
            held=counted["input"] + counted["output"],
        )

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
