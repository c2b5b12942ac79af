"""The depthwise separable convolution: depthwise, squeeze-and-excitation, 1x1 projection, usually without activation.

The first blocks of MobileNetV2, MobileNetV3 and EfficientNet: an inverted residual block that does not expand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tiernas.blocks.activations import ACTIVATIONS, GATES, SE_ACTIVATIONS, activation, activation_work, slopes
from tiernas.blocks.block import ModuleOptions, choice, whole
from tiernas.blocks.convolution import PADDINGS, SKIPS, bn_act_params
from tiernas.blocks.projected import ProjectedBlock
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes
from tiernas.blocks.strided import convolved

if TYPE_CHECKING:
    from torch import nn

ENDS = ("linear", "activated")
"""What follows the projection: nothing, or a second activation (MobileNetV1, arXiv 1704.04861)."""


@dataclass(frozen=True, slots=True)
class SeparableBlock(ProjectedBlock):
    """A depthwise separable convolution.

    Attributes:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Size of the depthwise convolution.
        stride: Stride of the depthwise convolution.
        se_channels: Channels of the squeeze-and-excitation bottleneck; 0 without one.
        activation: One of `ACTIVATIONS`.
        padding: One of `PADDINGS`, of the depthwise convolution.
        in_size: Height and width of the square input, in pixels.
        gate: One of `GATES`, of the squeeze-and-excitation.
        se_activation: One of `SE_ACTIVATIONS`, of the squeeze-and-excitation.
        skip: One of `SKIPS`.
        end: One of `ENDS`.
    """

    block = "separable"
    projected = "in_channels"

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

    def _rare(self) -> str:
        return (" twice" if self.end == "activated" else "") + ProjectedBlock._rare(self)

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, outs, squeezed, kernel = rows.numbers("in_channels", "out_channels", "se_channels", "kernel")
        out_size = convolved(rows)
        after = out_size**2
        return {
            **cls._projection_work(rows),
            "depthwise_macs": after * kernel**2 * ins,
            "weights": (kernel**2 + outs + 2 * squeezed) * ins,
            "row_starts": 2 * out_size,
            **activation_work(rows, after * ins + after * outs * rows.have("end", "activated")),
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        ins, outs = rows.numbers("in_channels", "out_channels")
        other_params = bn_act_params(rows, ins) + slopes(rows, outs) * rows.have("end", "activated")
        return cls._projected_sizes(rows, counted, other_params, counted["input"] + counted["inner"])

    def module(self, options: ModuleOptions) -> nn.Module:
        from tiernas.blocks.modules import conv_bn_act, convolution, projected

        channels = self.in_channels
        depthwise = convolution(channels, channels, self.kernel, self.stride, padding=self.padding, groups=channels)
        end = [activation(self.activation, self.out_channels)] if self.end == "activated" else []
        return projected(self, conv_bn_act(depthwise, options.bn_eps, self.activation), options, end)
