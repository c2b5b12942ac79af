"""Common base of blocks with one spatial convolution, which alone may have a stride."""

from __future__ import annotations

import abc
from collections.abc import Mapping

from tiernas.blocks.convolution import STAND_INS, WORK_KINDS, convolved_size, convolved_sizes
from tiernas.blocks.map_block import MapBlock
from tiernas.blocks.rows import BlockRows, BoolArray, FloatArray


class StridedBlock(MapBlock, abc.ABC):
    """A block with one spatial convolution that may have a stride.

    Attributes:
        out_channels: Channels of the output.
        kernel: Size of the spatial convolution.
        stride: Its stride.
        activation: One of `ACTIVATIONS`.
        padding: One of `PADDINGS`, of the spatial convolution.
        skip: One of `SKIPS`.
    """

    __slots__ = ()

    work_kinds = WORK_KINDS
    stand_ins = STAND_INS

    out_channels: int
    kernel: int
    stride: int
    activation: str
    padding: str
    skip: str

    @property
    def out_shape(self) -> tuple[int, ...]:
        size = convolved_size(self.in_size, self.kernel, self.stride, self.padding)
        return self.out_channels, size, size

    @property
    def reduction(self) -> int:
        return self.stride

    @property
    def residual(self) -> bool:
        """Whether the input is added to the output."""
        return self.skip == "auto" and self.stride == 1 and self.in_shape == self.out_shape

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the input, in between, and of the output."""
        return self.in_channels, self.out_channels

    @property
    def settings(self) -> str:
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        between = "".join(f" mid {channels}" for channels in self.channels[1:-1])
        return f"{self.kernel}x{self.kernel}{stride}{between}{self._squeeze(' ')} {self.activation}{self._rare()}"

    @property
    def label(self) -> str:
        stride = f"/{self.stride}" if self.stride > 1 else ""
        kernel, channels = f"{self.kernel}x{self.kernel}{stride}", "-".join(map(str, self.channels))
        return f"{self.block} {kernel} {channels}{self._squeeze('')} {self.activation}{self._rare()} @{self.in_size}"

    def _squeeze(self, gap: str) -> str:
        """Squeeze-and-excitation in words, with a leading space; empty without it.

        Args:
            gap: Text before the number of channels.
        """
        return ""

    def _rare(self) -> str:
        """Rare settings in words, with a leading space; empty for most networks."""
        return " padded as in TensorFlow" if self.padding == "tensorflow" else ""


def convolved(rows: BlockRows) -> FloatArray:
    """Heights (`m`) of the outputs of strided blocks."""
    size, kernel, stride = rows.numbers("in_size", "kernel", "stride")
    return convolved_sizes(size, kernel, stride, ~rows.have("padding", "valid"))


def added(rows: BlockRows, out_size: FloatArray) -> BoolArray:
    """Mask of the strided blocks (`m`) that add their input to their output, whose heights (`m`) are `out_size`."""
    ins, outs, stride, size = rows.numbers("in_channels", "out_channels", "stride", "in_size")
    found: BoolArray = (stride == 1) & (ins == outs) & (out_size == size) & rows.have("skip", "auto")
    return found


def skipped(counted: Mapping[str, FloatArray]) -> FloatArray:
    """Elements of the input (`m`) that strided blocks hold until they add them; none if they don't.

    Args:
        counted: Their work by kind.
    """
    return counted["input"] * (counted["added"] > 0)
