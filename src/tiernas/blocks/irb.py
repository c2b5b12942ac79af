"""The inverted residual block, IRB (MobileNetV2, arXiv 1801.04381): expand 1x1, depthwise, squeeze, project 1x1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiernas.blocks.activations import activation_work
from tiernas.blocks.block import ModuleOptions
from tiernas.blocks.bottleneck import Bottleneck
from tiernas.blocks.convolution import convolved_sizes
from tiernas.blocks.rows import BlockRows, FloatArray

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class IrbBlock(Bottleneck):
    """An inverted residual block."""

    block = "irb"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, outs, mid, squeezed = rows.numbers("in_channels", "out_channels", "mid_channels", "se_channels")
        kernel, stride, size = rows.numbers("kernel", "stride", "in_size")
        out_size = convolved_sizes(size, kernel, stride, ~rows.have("padding", "valid"))
        before, after = size**2, out_size**2
        activated = (before + after) * mid
        return {
            "expand_macs": before * ins * mid,
            "depthwise_macs": after * kernel**2 * mid,
            "project_macs": after * mid * outs,
            "squeeze_macs": 2 * mid * squeezed,
            "weights": (ins + kernel**2 + outs + 2 * squeezed) * mid,
            "input": before * ins,
            "expanded": before * mid,
            "inner": after * mid,
            "output": after * outs,
            "gated": after * mid * (squeezed > 0),
            "added": after * outs * ((stride == 1) & (ins == outs) & (out_size == size) & rows.have("skip", "auto")),
            "row_starts": 3 * out_size,
            "squeezes": (squeezed > 0).astype(float),
            **activation_work(rows, activated),
        }

    def module(self, options: ModuleOptions) -> nn.Module:
        from tiernas.blocks.modules import conv_bn_act, convolution, projected

        mid, act, eps = self.mid_channels, self.activation, options.bn_eps
        expand = convolution(self.in_channels, mid, 1)
        depthwise = convolution(mid, mid, self.kernel, self.stride, padding=self.padding, groups=mid)
        widened = [*conv_bn_act(expand, eps, act), *conv_bn_act(depthwise, eps, act)]
        return projected(self, mid, widened, options)
