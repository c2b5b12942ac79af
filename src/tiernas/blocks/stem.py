"""The first convolutions of a network; the very first has stride 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks.activations import ACTIVATIONS, activation_work, costly
from tiernas.blocks.block import ModuleOptions, choice, whole
from tiernas.blocks.convolution import PADDINGS, bn_act_params, convolution_likeness, convolved_sizes
from tiernas.blocks.rows import BlockRows, FloatArray, Sizes, counted_macs
from tiernas.blocks.strided import StridedBlock

if TYPE_CHECKING:
    from torch import nn

_STRIDE = 2
_PADDINGS = tuple(padding for padding in PADDINGS if padding != "valid")


@dataclass(frozen=True, slots=True)
class StemBlock(StridedBlock):
    """Convolutions of an image.

    Attributes:
        in_channels: Channels of the image.
        out_channels: Channels of every convolution.
        kernel: Size of every kernel.
        layers: Number of convolutions; the first has stride 2, the others 1.
        activation: One of `ACTIVATIONS`.
        in_size: Height and width of the square image, in pixels.
        padding: Padding of every convolution, one of `PADDINGS` except "valid".
    """

    block = "stem"
    stride = _STRIDE
    skip = "none"

    in_channels: int
    out_channels: int
    kernel: int = field(metadata=whole(odd=True))
    layers: int
    activation: str = field(metadata=choice(*ACTIVATIONS))
    in_size: int
    padding: str = field(default=_PADDINGS[0], metadata=choice(*_PADDINGS))

    @classmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        ins, outs, kernel, layers, size = rows.numbers("in_channels", "out_channels", "kernel", "layers", "in_size")
        out_size = convolved_sizes(size, kernel, np.full_like(size, _STRIDE), True)
        output = out_size**2 * outs
        weights = kernel**2 * outs * (ins + (layers - 1) * outs)
        return {
            "spatial_macs": out_size**2 * weights,
            "weights": weights,
            "input": size**2 * ins,
            "inner": output,
            "output": output,
            "row_starts": out_size,
            **activation_work(rows, output),
        }

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes:
        counted = cls.work(rows)
        outs, layers = rows.numbers("out_channels", "layers")
        image, output = counted["input"], counted["output"]
        return Sizes(
            weights=counted["weights"],
            other_params=layers * bn_act_params(rows, outs),
            macs=counted_macs(counted),
            held=output + np.where(layers > 1, np.maximum(image, output), image),
        )

    @classmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        ins, outs, kernel, layers, size = rows.numbers("in_channels", "out_channels", "kernel", "layers", "in_size")
        return convolution_likeness(
            inputs=ins,
            outputs=outs,
            between=layers,  # instead of channels, as tables have always been fitted
            size=size,
            kernel=kernel,
            stride=_STRIDE,
            costly=costly(rows),
        )

    def module(self, options: ModuleOptions) -> nn.Module:
        from torch import nn

        from tiernas.blocks.modules import conv_bn_act, convolution

        modules: list[nn.Module] = []
        channels, stride = self.in_channels, _STRIDE
        for _ in range(self.layers):
            conv = convolution(channels, self.out_channels, self.kernel, stride, padding=self.padding)
            modules += conv_bn_act(conv, options.bn_eps, self.activation)
            channels, stride = self.out_channels, 1
        return nn.Sequential(*modules)
