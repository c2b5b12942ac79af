"""The depthwise separable convolution: depthwise, squeeze-and-excitation, 1x1 projection, mostly without activation.

The first blocks of MobileNetV2, MobileNetV3 and EfficientNet: an inverted residual block that does not expand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tiernas.blocks.activations import ACTIVATIONS, GATES, SE_ACTIVATIONS, activation, activation_work, costly
from tiernas.blocks.block import ModuleOptions, choice, whole
from tiernas.blocks.convolution import (
    PADDINGS,
    SKIPS,
    STAND_INS,
    WORK_KINDS,
    convolution_likeness,
    convolved_sizes,
)
from tiernas.blocks.projected_block import ProjectedBlock
from tiernas.blocks.rows import BlockRows, FloatArray

if TYPE_CHECKING:
    from torch import nn

ENDS = ("linear", "activated")
"""What follows the projection: nothing, or the activation once more (MobileNetV1, arXiv 1704.04861)."""


@dataclass(frozen=True, slots=True)
class SeparableBlock(ProjectedBlock):
    """A depthwise separable convolution.

    Attributes:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Size of the depthwise convolution.
        stride: Stride of the depthwise convolution.
        se_channels: Channels of the squeeze-and-excitation bottleneck, 0 without one.
        activation: One of `ACTIVATIONS`.
        padding: One of `PADDINGS`, of the depthwise convolution.
        in_size: Height and width of the square input, in pixels.
        gate: One of `GATES`, of the squeeze-and-excitation.
        se_activation: One of `SE_ACTIVATIONS`, inside the squeeze-and-excitation.
        skip: One of `SKIPS`.
        end: One of `ENDS`.
    """

    block = "separable"
    work_kinds = WORK_KINDS
    stand_ins = STAND_INS

    in_channels: int
    out_channels: int
    kernel: int = field(metadata=whole(odd=True))
    stride: int
    se_channels: int = field(metadata=whole(0))
    activation: str = field(metadata=choice(*ACTIVATIONS))
    padding: str = field(metadata=choice(*PADDINGS))
    in_size: int
    gate: str = field(default=GATES[0], metadata=choice(*GATES))
    se_activation: str = field(default=SE_ACTIVATIONS[0], metadata=choice(*SE_ACTIVATIONS))
    skip: str = field(default=SKIPS[0], metadata=choice(*SKIPS))
    end: str = field(default=ENDS[0], metadata=choice(*ENDS))

    @property
    def settings(self) -> str:
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        squeeze = self.squeeze_words(" ")
        return f"{self.kernel}x{self.kernel}{stride}{squeeze} {self._activations}{self.rare_words()}"

    @property
    def label(self) -> str:
        stride = f"/{self.stride}" if self.stride > 1 else ""
        kernel, channels = f"{self.kernel}x{self.kernel}{stride}", f"{self.in_channels}-{self.out_channels}"
        squeeze = self.squeeze_words("")
        return f"{self.block} {kernel} {channels}{squeeze} {self._activations}{self.rare_words()} @{self.in_size}"

    @property
    def _activations(self) -> str:
        return self.activation + (" twice" if self.end == "activated" else "")

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, outs, squeezed = rows.numbers("in_channels", "out_channels", "se_channels")
        kernel, stride, size = rows.numbers("kernel", "stride", "in_size")
        out_size = convolved_sizes(size, kernel, stride, ~rows.have("padding", "valid"))
        after = out_size**2
        return {
            "depthwise_macs": after * kernel**2 * ins,
            "project_macs": after * ins * outs,
            "squeeze_macs": 2 * ins * squeezed,
            "weights": (kernel**2 + outs + 2 * squeezed) * ins,
            "input": size**2 * ins,
            "inner": after * ins,
            "output": after * outs,
            "gated": after * ins * (squeezed > 0),
            "added": after * outs * ((stride == 1) & (ins == outs) & (out_size == size) & rows.have("skip", "auto")),
            "row_starts": 2 * out_size,
            "squeezes": (squeezed > 0).astype(float),
            **activation_work(rows, after * ins + after * outs * rows.have("end", "activated")),
        }

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        ins, outs, squeezed = rows.numbers("in_channels", "out_channels", "se_channels")
        kernel, stride, size = rows.numbers("kernel", "stride", "in_size")
        return convolution_likeness(
            inputs=ins,
            outputs=outs,
            between=ins,
            size=size,
            kernel=kernel,
            stride=stride,
            costly=costly(rows),
            squeezed=squeezed > 0,
        )

    def module(self, options: ModuleOptions) -> nn.Module:
        from tiernas.blocks.modules import conv_bn_act, convolution, projected

        channels = self.in_channels
        depthwise = convolution(channels, channels, self.kernel, self.stride, padding=self.padding, groups=channels)
        end = [activation(self.activation, self.out_channels)] if self.end == "activated" else []
        return projected(self, channels, conv_bn_act(depthwise, options.bn_eps, self.activation), options, end)
