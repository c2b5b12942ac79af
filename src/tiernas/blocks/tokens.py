"""Common base of token blocks, which keep the length of the sequence and start with normalization."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

from tiernas.blocks.block import Block, choice
from tiernas.blocks.rows import BlockRows, BoolArray

NORMS = ("layer", "batch")
"""Normalization of tokens: each over its channels, or each channel over the batch."""


@dataclass(frozen=True, slots=True)
class TokenBlock(Block, abc.ABC):
    """A block that takes a sequence of tokens.

    Attributes:
        tokens: Number of tokens; those of an image are in row-major order.
        dim: Channels of each.
        norm: One of `NORMS`.
    """

    tokens: int
    dim: int
    norm: str = field(metadata=choice(*NORMS))

    @property
    def in_shape(self) -> tuple[int, ...]:
        return self.tokens, self.dim

    @property
    def out_shape(self) -> tuple[int, ...]:
        return self.tokens, self.dim


def layer_normed(rows: BlockRows) -> BoolArray:
    """Mask of the layers (`m`) with layer normalization; batch normalization is one multiplication and addition."""
    return rows.have("norm", "layer")
