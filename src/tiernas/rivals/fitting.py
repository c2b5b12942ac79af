"""Strides fitted to small images, as people do it: a network for 224 px leaves a single pixel of one of 32 px."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tiernas.blocks import Block, ConvBlock, StemBlock
from tiernas.blocks.map_block import MapBlock
from tiernas.blocks.strided import StridedBlock
from tiernas.errors import UsageError
from tiernas.spaces import Architecture
from tiernas.spaces.layered import LayeredArchitecture

LEAST_PX = 3
"""The last feature map has at least this height. Of 32 px, strides of 8 in all leave 4: the usual variants of
MobileNetV2 and ResNet for CIFAR, whose first two strides are 1. Of 64 px, 16 leave 4. Networks for 96 px and more stay
as published."""


def fitted(architecture: Architecture, resolution: int) -> LayeredArchitecture:
    """A network for images of another resolution, whose first strides become 1 until enough pixels are left.

    Args:
        architecture: A network of feature maps.
        resolution: Height and width of its input, in pixels.

    Raises:
        UsageError: A layer does not operate on maps, so the network takes one resolution only.
    """
    layers = list(architecture.layers)
    while True:
        resized = _resized(layers, resolution)
        strided = [number for number, layer in enumerate(layers) if layer.reduction > 1]
        if resized[-1].in_shape[-1] >= LEAST_PX or not strided:
            return LayeredArchitecture(resolution, tuple(resized), architecture.bn_eps)
        first = strided[0]
        layers[first : first + 1] = _unstrided(layers[first])


def _resized(layers: Sequence[Block], resolution: int) -> list[Block]:
    found: list[Block] = []
    size = resolution
    for layer in layers:
        if not isinstance(layer, MapBlock):
            raise UsageError(f"its {layer.block} takes one resolution only; rivals are networks of feature maps")
        found.append(layer.resized(size))
        *_, size = found[-1].out_shape
    return found


def _unstrided(layer: Block) -> list[Block]:
    """The same layer with stride 1; a stem, whose stride is 2, becomes its convolutions."""
    if isinstance(layer, StemBlock):
        ins = [layer.in_channels, *[layer.out_channels] * (layer.layers - 1)]
        kernel, activation, size = layer.kernel, layer.activation, layer.in_size
        return [ConvBlock(channels, layer.out_channels, kernel, 1, activation, "same", size) for channels in ins]
    if not isinstance(layer, StridedBlock):
        raise UsageError(f"the stride of its {layer.block} cannot be changed")
    strided: Any = layer
    return [replace(strided, stride=1)]
