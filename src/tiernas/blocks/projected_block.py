"""What blocks that end with a projection have in common: they may weigh channels before and add their input after."""

from __future__ import annotations

import abc

from tiernas.blocks.convolution import convolved_size, padding_words
from tiernas.blocks.map_block import MapBlock


class ProjectedBlock(MapBlock, abc.ABC):
    """A block that convolves, may weigh its channels, and projects them.

    Attributes:
        out_channels: Channels of the output.
        kernel: Size of the spatial convolution.
        stride: Stride of the spatial convolution.
        se_channels: Channels of the squeeze-and-excitation bottleneck, 0 without one.
        activation: One of `ACTIVATIONS`.
        padding: One of `PADDINGS`, of the spatial convolution.
        gate: One of `GATES`, of the squeeze-and-excitation.
        se_activation: One of `SE_ACTIVATIONS`, inside the squeeze-and-excitation.
        skip: One of `SKIPS`.
    """

    __slots__ = ()

    out_channels: int
    kernel: int
    stride: int
    se_channels: int
    activation: str
    padding: str
    gate: str
    se_activation: str
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

    def squeeze_words(self, between: str) -> str:
        """Squeeze-and-excitation in words, " SE 12"; nothing without one.

        Args:
            between: What stands between its name and its channels.
        """
        if not self.se_channels:
            return ""
        name = "SE" if self.gate == "sigmoid" else "hard SE"
        inside = "" if self.se_activation == "block" else f" of {self.se_activation}"
        return f" {name}{between}{self.se_channels}{inside}"

    def rare_words(self) -> str:
        """What few networks have, in words; nothing of others."""
        return padding_words(self.padding) + (" no skip" if self.skip == "none" else "")
