"""The layers of millions of networks, some networks at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tiernas.blocks.rows import IntArray
from tiernas.spaces.space import LayerGroup, SearchSpace

_AT_ONCE = 2**15
"""Networks whose layers are listed at once, to limit memory."""


def groups_in_parts(space: SearchSpace, vectors: IntArray) -> Iterator[tuple[LayerGroup, IntArray]]:
    """The groups of layers of networks (`n x d`), each with the positions of its networks among all `n`."""
    for begin in range(0, len(vectors), _AT_ONCE):
        for group in space.layer_groups(np.asfortranarray(vectors[begin : begin + _AT_ONCE])):
            yield group, begin + group.network
