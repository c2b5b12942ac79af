"""A layer: one block with its input shape. Networks are built from layers and latency is keyed by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

BLOCKS = ("stem", "conv", "fused_irb", "irb", "head")
"""Kinds of blocks; a layer row holds the index."""

ACTIVATIONS = ("relu", "swish", "hard_swish", "prelu", "gelu", "sigmoid")
"""Activations that can be built; vectors and layer rows hold the index. The GPUNet spaces search the first two."""

PADDINGS = ("same", "valid")
"""Padding of a block's spatial convolution: half the kernel, or none (the released stride-2 fused blocks)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One block and the shape of its input: the key of the latency table.

    Attributes:
        block: Kind of block, one of `BLOCKS`.
        in_channels: Channels of the input.
        out_channels: Channels of the output (of the head: channels of its 1x1 convolution).
        kernel: Size of the spatial convolution (of the head: 1).
        stride: Stride of the spatial convolution.
        mid_channels: Channels after the expansion; of a stem, its number of convolutions; of the head, the
            channels of its second 1x1 convolution, 0 where there is none; 0 for a plain convolution.
        se_channels: Channels of the squeeze-and-excitation bottleneck, 0 without one.
        activation: One of `ACTIVATIONS`.
        padding: One of `PADDINGS`.
        in_size: Height and width of the square input, in pixels.
    """

    block: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    mid_channels: int
    se_channels: int
    activation: str
    padding: str
    in_size: int

    @property
    def out_size(self) -> int:
        """Height and width of the output, in pixels (of the head: of its map before pooling)."""
        return convolved_size(self.in_size, self.kernel, self.stride, self.padding)

    @property
    def residual(self) -> bool:
        """Whether the input is added to the output: IRB and fused IRB whose output has the input's shape."""
        return self.block in ("irb", "fused_irb") and self.stride == 1 and self.in_channels == self.out_channels

    @property
    def label(self) -> str:
        """The layer in one line: `irb 5x5/2 48-288-112 SE12 swish @56` has kernel 5, stride 2, 288 channels between."""
        channels = [self.in_channels, self.out_channels]
        if self.block in ("irb", "fused_irb"):
            channels.insert(1, self.mid_channels)
        stride = f"/{self.stride}" if self.stride > 1 else ""
        squeeze = f" SE{self.se_channels}" if self.se_channels else ""
        shown = "-".join(map(str, channels))
        return f"{self.block} {self.kernel}x{self.kernel}{stride} {shown}{squeeze} {self.activation} @{self.in_size}"

    def to_row(self) -> tuple[int, ...]:
        """The layer as integers, in the order of `LAYER_COLUMNS`."""
        block, *numbers, activation, padding, in_size = astuple(self)
        return (BLOCKS.index(block), *numbers, ACTIVATIONS.index(activation), PADDINGS.index(padding), in_size)

    @classmethod
    def from_row(cls, row: Sequence[int]) -> Layer:
        """The layer that `to_row` made a row of."""
        block, inputs, outputs, kernel, stride, mid, se, activation, padding, in_size = (int(v) for v in row)
        return cls(
            BLOCKS[block],
            inputs,
            outputs,
            kernel,
            stride,
            mid,
            se,
            ACTIVATIONS[activation],
            PADDINGS[padding],
            in_size,
        )


LAYER_COLUMNS = tuple(Layer.__dataclass_fields__)
"""Names of the columns of a layer row, in order."""


@dataclass(frozen=True, slots=True)
class LayerTable:
    """The layers of many networks as integers: each network is a bag of layers.

    Attributes:
        rows: `m x 10` integers, one layer per row, columns as `LAYER_COLUMNS`.
        network: `m` integers, the index of the network that the row belongs to.
        count: `m` integers, how often the network has this layer.
        num_networks: How many networks there are.
    """

    rows: IntArray
    network: IntArray
    count: IntArray
    num_networks: int


def convolved_size(size: int, kernel: int, stride: int, padding: str) -> int:
    """Height of a convolution's output for an input of height `size`, in pixels."""
    pad = kernel // 2 if padding == "same" else 0
    return (size + 2 * pad - kernel) // stride + 1
