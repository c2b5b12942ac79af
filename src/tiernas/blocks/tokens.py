"""What blocks of tokens have in common: a sequence as long as it was, normalised before anything else is done to it."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

from tiernas.blocks.block import Block, choice
from tiernas.blocks.rows import BlockRows, BoolArray

NORMS = ("layer", "batch")
"""Normalisation of tokens: each over its channels, or each channel over the batch."""


@dataclass(frozen=True, slots=True)
class TokenBlock(Block, abc.ABC):
    """A block that takes a sequence of tokens.

    Attributes:
        tokens: How many tokens; those of an image lie row by row.
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
    """Which of the layers (`m`) have layer normalisation; batch normalisation is one multiplication and addition."""
    return rows.have("norm", "layer")
