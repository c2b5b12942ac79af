"""What blocks around one spatial convolution have in common: it alone may have a stride."""

from __future__ import annotations

import abc

from tiernas.blocks.convolution import STAND_INS, WORK_KINDS, convolved_size, convolved_sizes
from tiernas.blocks.map_block import MapBlock
from tiernas.blocks.rows import BlockRows, FloatArray


class StridedBlock(MapBlock, abc.ABC):
    """A block with one spatial convolution that may have a stride.

    Attributes:
        out_channels: Channels of the output.
        kernel: Size of the spatial convolution.
        stride: Its stride.
        activation: One of `ACTIVATIONS`.
        padding: One of `PADDINGS`, of the spatial convolution.
    """

    __slots__ = ()

    work_kinds = WORK_KINDS
    stand_ins = STAND_INS

    out_channels: int
    kernel: int
    stride: int
    activation: str
    padding: str

    @property
    def out_shape(self) -> tuple[int, ...]:
        size = convolved_size(self.in_size, self.kernel, self.stride, self.padding)
        return self.out_channels, size, size

    @property
    def reduction(self) -> int:
        return self.stride

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the input, of what lies between, and of the output."""
        return self.in_channels, self.out_channels

    @property
    def settings(self) -> str:
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        between = "".join(f" mid {channels}" for channels in self.channels[1:-1])
        return f"{self.kernel}x{self.kernel}{stride}{between}{self._squeeze(' ')} {self.activation}"

    @property
    def label(self) -> str:
        stride = f"/{self.stride}" if self.stride > 1 else ""
        kernel, channels = f"{self.kernel}x{self.kernel}{stride}", "-".join(map(str, self.channels))
        return f"{self.block} {kernel} {channels}{self._squeeze('')} {self.activation} @{self.in_size}"

    def _squeeze(self, gap: str) -> str:
        """Squeeze-and-excitation in words, with a space before it; empty where there is none.

        Args:
            gap: What stands before the number of channels.
        """
        return ""


def convolved(rows: BlockRows) -> FloatArray:
    """Heights (`m`) of the outputs of strided blocks."""
    size, kernel, stride = rows.numbers("in_size", "kernel", "stride")
    return convolved_sizes(size, kernel, stride, rows.have("padding", "same"))
