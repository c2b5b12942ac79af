"""The basic block of residual networks: two 3x3 convolutions and a shortcut (He et al., arXiv 1512.03385)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks.activations import ACTIVATIONS, activation_work, costly
from tiernas.blocks.block import ModuleOptions, choice
from tiernas.blocks.convolution import bn_act_params, convolution_likeness, convolved_sizes
from tiernas.blocks.rows import BlockRows, BoolArray, FloatArray, Sizes, counted_macs
from tiernas.blocks.strided import StridedBlock

if TYPE_CHECKING:
    from torch import nn

_KERNEL = 3


@dataclass(frozen=True, slots=True)
class BasicBlock(StridedBlock):
    """Two convolutions whose output is added to the input, or to a 1x1 convolution of it if their shapes differ.

    Attributes:
        in_channels: Channels of the input.
        out_channels: Channels of both convolutions.
        stride: Stride of the first convolution, and of the shortcut.
        activation: One of `ACTIVATIONS`, after the first convolution and after the addition.
        in_size: Height and width of the square input, in pixels.
    """

    block = "basic"
    kernel = _KERNEL
    padding = "same"
    skip = "auto"

    in_channels: int
    out_channels: int
    stride: int
    activation: str = field(metadata=choice(*ACTIVATIONS))
    in_size: int

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, outs, size = rows.numbers("in_channels", "out_channels", "in_size")
        out_size, projects = _out_sizes(rows), _projects(rows)
        output = out_size**2 * outs
        return {
            "spatial_macs": output * _KERNEL**2 * (ins + outs),
            "project_macs": output * ins * projects,
            "weights": outs * (_KERNEL**2 * (ins + outs) + ins * projects),
            "input": size**2 * ins,
            "inner": output,
            "output": output,
            "added": output,
            "row_starts": (2 + projects) * out_size,
            **activation_work(rows, 2 * output),
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        (outs,) = rows.numbers("out_channels")
        return Sizes(
            weights=counted["weights"],
            other_params=2 * bn_act_params(rows, outs) + 2 * outs * _projects(rows),
            macs=counted_macs(counted),
            held=counted["input"] + 2 * counted["output"],
        )

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        ins, outs, stride, size = rows.numbers("in_channels", "out_channels", "stride", "in_size")
        return convolution_likeness(
            inputs=ins, outputs=outs, between=outs, size=size, kernel=_KERNEL, stride=stride, costly=costly(rows)
        )

    def module(self, options: ModuleOptions) -> nn.Module:
        from torch import nn

        from tiernas.blocks.modules import Shortcut, conv_bn_act, convolution

        first = convolution(self.in_channels, self.out_channels, _KERNEL, self.stride)
        second = convolution(self.out_channels, self.out_channels, _KERNEL)
        scale = nn.BatchNorm2d(self.out_channels, eps=options.bn_eps)
        body = nn.Sequential(*conv_bn_act(first, options.bn_eps, self.activation), second, scale)
        shortcut: list[nn.Module] = []
        if not self.residual:
            project = convolution(self.in_channels, self.out_channels, 1, self.stride)
            shortcut = [project, nn.BatchNorm2d(self.out_channels, eps=options.bn_eps)]
        return Shortcut(body, nn.Sequential(*shortcut), self.activation, self.out_channels, options.drop_path_rate)


def _out_sizes(rows: BlockRows) -> FloatArray:
    """Heights (`m`) of the outputs."""
    size, stride = rows.numbers("in_size", "stride")
    return convolved_sizes(size, np.full_like(size, _KERNEL), stride, True)


def _projects(rows: BlockRows) -> BoolArray:
    """Mask of the layers (`m`) whose shortcut is a convolution."""
    ins, outs, size = rows.numbers("in_channels", "out_channels", "in_size")
    found: BoolArray = (ins != outs) | (_out_sizes(rows) != size)
    return found
