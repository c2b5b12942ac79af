"""Common base of blocks that operate on square maps."""

from __future__ import annotations

import abc
from typing import Self

from tiernas.blocks.block import Block


class MapBlock(Block, abc.ABC):
    """A block that takes a square map of any size.

    Attributes:
        in_channels: Channels of the input.
        in_size: Height and width of the input, in pixels.
    """

    __slots__ = ()

    in_channels: int
    in_size: int

    @property
    def in_shape(self) -> tuple[int, ...]:
        return self.in_channels, self.in_size, self.in_size

    def resized(self, in_size: int) -> Self:
        """The same layer for maps of another size, in pixels."""
        values = {name: getattr(self, name) for name in self.columns()}
        return type(self)(**(values | {"in_size": in_size}))
