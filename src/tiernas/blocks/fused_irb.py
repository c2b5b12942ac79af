"""The fused inverted residual block (EfficientNet-EdgeTPU): expand with the spatial convolution, project 1x1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiernas.blocks.activations import activation_work
from tiernas.blocks.block import ModuleOptions
from tiernas.blocks.bottleneck import Bottleneck
from tiernas.blocks.rows import BlockRows, FloatArray
from tiernas.blocks.strided import convolved

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class FusedIrbBlock(Bottleneck):
    """A fused inverted residual block."""

    block = "fused_irb"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, outs, mid, squeezed = rows.numbers("in_channels", "out_channels", "mid_channels", "se_channels")
        (kernel,) = rows.numbers("kernel")
        out_size = convolved(rows)
        after = out_size**2
        return {
            **cls._projection_work(rows),
            "spatial_macs": after * kernel**2 * ins * mid,
            "weights": (kernel**2 * ins + outs + 2 * squeezed) * mid,
            "row_starts": 2 * out_size,
            **activation_work(rows, after * mid),
        }

    def module(self, options: ModuleOptions) -> nn.Module:
        from tiernas.blocks.modules import conv_bn_act, convolution, projected

        expand = convolution(self.in_channels, self.mid_channels, self.kernel, self.stride, padding=self.padding)
        return projected(self, conv_bn_act(expand, options.bn_eps, self.activation), options)
