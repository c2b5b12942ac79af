"""Multiply-accumulates of many networks of a space, without decoding them."""

from __future__ import annotations

import numpy as np

from tiernas.blocks.rows import FloatArray, IntArray
from tiernas.spaces.group_parts import groups_in_parts
from tiernas.spaces.space import SearchSpace


def macs_of(space: SearchSpace, vectors: IntArray) -> FloatArray:
    """Multiply-accumulates (`n`) of the networks of vectors (`n x d`), without what follows the pooling."""
    macs = np.zeros(len(vectors))
    for group, network in groups_in_parts(space, vectors):
        macs[network] += group.rows.macs() * group.count
    return macs


def smallest(space: SearchSpace, vectors: IntArray) -> IntArray:
    """The vector (length `d`) of the network with the fewest multiply-accumulates, out of many (`n x d`)."""
    found: IntArray = vectors[int(macs_of(space, vectors).argmin())]
    return found
