"""Multiply-accumulates of many networks of a space, without decoding them."""

from __future__ import annotations

import math

import numpy as np

from tiernas.blocks.rows import FloatArray, IntArray
from tiernas.spaces.space import SearchSpace

_AT_ONCE = 2**16
"""Networks counted at once, to limit memory."""


def macs_of(space: SearchSpace, vectors: IntArray) -> FloatArray:
    """Multiply-accumulates (`n`) of the networks of vectors (`n x d`), without what follows the pooling."""
    parts = np.array_split(vectors, max(1, math.ceil(len(vectors) / _AT_ONCE)))
    return np.concatenate([_macs_of_some(space, part) for part in parts])


def smallest(space: SearchSpace, vectors: IntArray) -> IntArray:
    """The vector (length `d`) of the network with the fewest multiply-accumulates, out of many (`n x d`)."""
    found: IntArray = vectors[int(macs_of(space, vectors).argmin())]
    return found


def _macs_of_some(space: SearchSpace, vectors: IntArray) -> FloatArray:
    macs = np.zeros(len(vectors))
    for group in space.layer_groups(vectors):
        macs[group.network] += group.rows.macs() * group.count
    return macs
