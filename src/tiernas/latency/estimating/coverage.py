"""Networks that together contain every block of a space, because a table cannot estimate a block it never measured."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tiernas.blocks import Block
from tiernas.blocks.rows import IntArray
from tiernas.spaces import SearchSpace

_SAMPLED = 512
"""Number of networks among which every block is sought."""

Vector = tuple[int, ...]


def networks_of_missing_blocks(space: SearchSpace, known: Iterable[Vector], seed: int) -> list[Vector]:
    """The first network of a Sobol sequence for each block that the known networks lack.

    Args:
        space: The space.
        known: The known networks.
        seed: Seed of the sequence.

    Returns:
        Their vectors in the order of the sequence; empty if the known networks contain every block.
    """
    seen = _first_networks(space, np.array(list(known)))
    sample = space.sample(_SAMPLED, seed)
    missing = {index for block, index in _first_networks(space, sample).items() if block not in seen}
    return [tuple(int(value) for value in sample[index]) for index in sorted(missing)]


def _first_networks(space: SearchSpace, vectors: IntArray) -> dict[type[Block], int]:
    """For each block, the index of the first network (`n x d`) that contains it."""
    first: dict[type[Block], int] = {}
    for group in space.layer_groups(vectors):
        networks = group.network[group.count > 0]
        if len(networks):
            first[group.rows.block] = min(first.get(group.rows.block, len(vectors)), int(networks.min()))
    return first
