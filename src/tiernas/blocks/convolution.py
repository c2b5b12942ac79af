"""Shared by convolutional blocks: padding, kinds of work, similarity."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tiernas.blocks.activations import slopes
from tiernas.blocks.rows import BlockRows, FloatArray

PADDINGS = ("same", "valid", "tensorflow")
"""Padding of a spatial convolution: half the kernel; none (the released stride-2 fused blocks); or TensorFlow's "SAME",
the least padding that yields its output size, with the odd pixel at the end."""

SKIPS = ("auto", "none")
"""When the input is added to the output: with stride 1 if both have the same shape, or never."""

WORK_KINDS: tuple[str, ...] = (
    "spatial_macs",
    "expand_macs",
    "depthwise_macs",
    "project_macs",
    "squeeze_macs",
    "weights",
    "input",
    "expanded",
    "inner",
    "output",
    "activated",
    "swished",
    "gated",
    "added",
    "row_starts",
    "squeezes",
    "hard_swished",
)
"""Multiply-accumulates of dense spatial convolutions, of 1x1 expansions, of depthwise convolutions, of 1x1 projections
and of squeeze-and-excitation; weights; elements of the input, of the map before and after the spatial convolution, and
of the output; elements that pass through an activation, and through a costly one (not ReLU); elements that are gated,
and that are added; rows of pixels over all convolutions; squeeze-and-excitations;
elements of hard-swish.

All such blocks are fitted with all kinds, including those that a block never has, so that the sums of a fit are rounded
as in earlier versions."""

STAND_INS = {"hard_swished": "swished"}
"""See `tiernas.blocks.Block.stand_ins`."""

_ODD = 0.3
"""Weight of the distance of channels from a multiple of 32, relative to one doubling of channels."""


def convolved_size(size: int, kernel: int, stride: int, padding: str) -> int:
    """Height of a convolution's output for an input of height `size`, in pixels."""
    pad = 0 if padding == "valid" else kernel // 2
    return (size + 2 * pad - kernel) // stride + 1


def convolved_sizes(
    size: FloatArray, kernel: FloatArray, stride: FloatArray, padded: npt.NDArray[np.bool_] | bool
) -> FloatArray:
    """Heights (`m`) of the outputs of many convolutions; `padded` is the mask of those with padding."""
    sizes: FloatArray = (size + 2 * np.where(padded, kernel // 2, 0) - kernel) // stride + 1
    return sizes


def bn_act_params(rows: BlockRows, channels: FloatArray) -> FloatArray:
    """Parameters (`m`) of a batch normalization of some channels (`m`) and of the layers' activation behind it."""
    return 2 * channels + slopes(rows, channels)


def convolution_likeness(
    *,
    inputs: FloatArray,
    outputs: FloatArray,
    between: FloatArray | int,
    size: FloatArray,
    kernel: FloatArray | int,
    stride: FloatArray | int,
    costly: npt.NDArray[np.bool_],
    squeezed: npt.NDArray[np.bool_] | bool = False,
) -> FloatArray:
    """Features of the layers of one convolutional block, see `Block.likeness`.

    Args:
        inputs: Channels of the input (`m`, like all others).
        outputs: Channels of the output.
        between: Channels in between.
        size: Height of the input, in pixels.
        kernel: Kernel size of the spatial convolution.
        stride: Stride of the spatial convolution.
        costly: Whether the activation is costly.
        squeezed: Whether there is squeeze-and-excitation.

    Returns:
        `m x 11` numbers: binary logarithms of the channels in, out and in between and of the input's size; the kernel,
        where 3 to 5 is one step; the stride; whether there is squeeze-and-excitation, a costly activation, a map that
        keeps its shape; and the relative distance of the channels from multiples of 32, which suit vector instructions.
    """
    logs = [np.log2(np.maximum(count, 1)) for count in (inputs, outputs, between, size)]
    steps = [(kernel - 3) / 2, stride - 1]
    flags = [squeezed, costly, (stride == 1) & (inputs == outputs)]
    odd = [_ODD * (between % 32) / 32, _ODD * (outputs % 32) / 32]
    columns: list[Any] = [*logs, *steps, *flags, *odd]
    numbers = np.empty((len(inputs), len(columns)))
    for number, column in enumerate(columns):
        numbers[:, number] = column
    return numbers
