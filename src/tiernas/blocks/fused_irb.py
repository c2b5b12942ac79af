"""The fused inverted residual block (EfficientNet-EdgeTPU): expand with the spatial convolution, project 1x1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tiernas.blocks.activations import activation_work
from tiernas.blocks.block import ModuleOptions, whole
from tiernas.blocks.bottleneck import Bottleneck
from tiernas.blocks.convolution import bn_act_params
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes
from tiernas.blocks.strided import convolved
from tiernas.errors import UsageError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class FusedIrbBlock(Bottleneck):
    """A fused inverted residual block.

    Attributes:
        groups: Channel groups of the spatial convolution, see `torch.nn.Conv2d`.
    """

    block = "fused_irb"

    groups: int = field(default=1, metadata=whole())

    def _rare(self) -> str:
        return Bottleneck._rare(self) + (f" in {self.groups} groups" if self.groups > 1 else "")

    def checked(self, where: str) -> FusedIrbBlock:
        layer = Bottleneck.checked(self, where)
        if layer.in_channels % layer.groups or layer.mid_channels % layer.groups:
            raise UsageError(
                f"{where}.groups = {layer.groups}: must divide in_channels, {layer.in_channels}, and mid_channels, "
                f"{layer.mid_channels}"
            )
        return layer

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, outs, mid, squeezed = rows.numbers("in_channels", "out_channels", "mid_channels", "se_channels")
        kernel, groups = rows.numbers("kernel", "groups")
        out_size = convolved(rows)
        after = out_size**2
        return {
            **cls._projection_work(rows),
            "spatial_macs": after * kernel**2 * ins * mid / groups,
            "weights": (kernel**2 * ins / groups + outs + 2 * squeezed) * mid,
            "row_starts": 2 * out_size,
            **activation_work(rows, after * mid),
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        (mid,) = rows.numbers("mid_channels")
        return cls._projected_sizes(rows, counted, bn_act_params(rows, mid), counted["input"] + counted["inner"])

    def module(self, options: ModuleOptions) -> nn.Module:
        from tiernas.blocks.modules import conv_bn_act, convolution, projected

        expand = convolution(
            self.in_channels, self.mid_channels, self.kernel, self.stride, padding=self.padding, groups=self.groups
        )
        return projected(self, conv_bn_act(expand, options.bn_eps, self.activation), options)
