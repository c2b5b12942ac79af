"""The inverted residual block, IRB (MobileNetV2, arXiv 1801.04381): expand 1x1, depthwise, squeeze, project 1x1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks.activations import activation_work
from tiernas.blocks.block import ModuleOptions
from tiernas.blocks.bottleneck import Bottleneck
from tiernas.blocks.convolution import bn_act_params
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes
from tiernas.blocks.strided import convolved, skipped

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class IrbBlock(Bottleneck):
    """An inverted residual block."""

    block = "irb"

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, outs, mid, squeezed = rows.numbers("in_channels", "out_channels", "mid_channels", "se_channels")
        kernel, size = rows.numbers("kernel", "in_size")
        out_size = convolved(rows)
        before, after = size**2, out_size**2
        return {
            **cls._projection_work(rows),
            "expand_macs": before * ins * mid,
            "depthwise_macs": after * kernel**2 * mid,
            "weights": (ins + kernel**2 + outs + 2 * squeezed) * mid,
            "expanded": before * mid,
            "row_starts": 3 * out_size,
            **activation_work(rows, (before + after) * mid),
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        (mid,) = rows.numbers("mid_channels")
        before_or_after = np.maximum(counted["input"], skipped(counted) + counted["inner"])
        return cls._projected_sizes(rows, counted, 2 * bn_act_params(rows, mid), counted["expanded"] + before_or_after)

    def module(self, options: ModuleOptions) -> nn.Module:
        from tiernas.blocks.modules import conv_bn_act, convolution, projected

        mid, act, eps = self.mid_channels, self.activation, options.bn_eps
        expand = convolution(self.in_channels, mid, 1)
        depthwise = convolution(mid, mid, self.kernel, self.stride, padding=self.padding, groups=mid)
        return projected(self, [*conv_bn_act(expand, eps, act), *conv_bn_act(depthwise, eps, act)], options)
