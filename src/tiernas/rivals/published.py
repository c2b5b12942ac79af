"""Published networks that are small enough to be written down here."""

from __future__ import annotations

from tiernas.blocks import BasicBlock, Block, ConvBlock, HeadBlock, IrbBlock, SeparableBlock, StemBlock
from tiernas.spaces.layered import LayeredArchitecture
from tiernas.spaces.staged import round_channels

_EPSILON = 1e-5
"""Of batch normalization, in both publications' usual implementations."""

_DIVISOR = 8
"""Channels of MobileNetV2 are multiples of this, as in the publication's implementation."""

_WIDTHS = 16, 32, 64
"""Channels of the three stages of a residual network for CIFAR."""

_TABLE = (
    (1, 1, 16, 1),
    (6, 2, 24, 2),
    (6, 2, 32, 3),
    (6, 2, 64, 4),
    (6, 1, 96, 3),
    (6, 2, 160, 3),
    (6, 1, 320, 1),
)
"""Stages of MobileNetV2: expansion, stride of the first block, channels, blocks (arXiv 1801.04381, table 2)."""


def cifar_resnet(layers: int, resolution: int) -> LayeredArchitecture:
    """The residual network for CIFAR with 6 n + 2 layers (He et al., arXiv 1512.03385, section 4.2).

    Its shortcuts are 1x1 convolutions where the shape changes (option B).

    Args:
        layers: Number of layers.
        resolution: Height and width of its input, in pixels; 32 in the publication.
    """
    blocks: list[Block] = [ConvBlock(3, _WIDTHS[0], 3, 1, "relu", "same", resolution)]
    size = resolution
    for width in _WIDTHS:
        for number in range((layers - 2) // 6):
            stride = 2 if number == 0 and width != _WIDTHS[0] else 1
            blocks.append(BasicBlock(blocks[-1].out_shape[0], width, stride, "relu", size))
            *_, size = blocks[-1].out_shape
    return LayeredArchitecture(resolution, (*blocks, HeadBlock(_WIDTHS[-1], 0, 0, "relu", size)), _EPSILON)


def mobilenetv2(width: float, resolution: int) -> LayeredArchitecture:
    """MobileNetV2 (Sandler et al., arXiv 1801.04381, table 2).

    Args:
        width: Factor of all channels; below 1 the last convolution keeps its 1280.
        resolution: Height and width of its input, in pixels; 224 in the publication.
    """
    blocks: list[Block] = [StemBlock(3, round_channels(32 * width, _DIVISOR), 3, 1, "relu6", resolution)]
    for expansion, stride, filters, repeats in _TABLE:
        out_channels = round_channels(filters * width, _DIVISOR)
        for number in range(repeats):
            channels, size, _ = blocks[-1].out_shape
            step = stride if number == 0 else 1
            if expansion == 1:
                blocks.append(SeparableBlock(channels, out_channels, 3, step, 0, "relu6", "same", size))
            else:
                mid = channels * expansion
                blocks.append(IrbBlock(channels, out_channels, 3, step, mid, 0, "relu6", "same", size))
    channels, size, _ = blocks[-1].out_shape
    head = HeadBlock(channels, round_channels(1280 * max(1.0, width), _DIVISOR), 0, "relu6", size)
    return LayeredArchitecture(resolution, (*blocks, head), _EPSILON)
