"""What is derived from the observations: the tree of regions and the surrogates."""

import functools

import numpy as np

from tiernas.search.encoding import Encoding
from tiernas.search.lattice import FloatArray, IntArray, Lattice
from tiernas.search.partition import Region, grow
from tiernas.search.surrogate import Surrogate

MODEL_ROWS = 256
"""The most rows a surrogate is fitted on. That takes a few seconds on one thread, and its time grows with
their cube."""

_PARENTS = 20
"""Candidates are mutations of the best tens of rows: of the single best they would be too much alike."""


class Learned:
    """The tree and the surrogates of one state of the history, each made when it is first needed.

    Args:
        X: `n x d` observed rows.
        y: `n` observations.
        lattice: The lattice the rows belong to.
        encoding: How rows become features.
        leaf_size: The most observed rows a region may have without being divided.
        seed: For the surrogates.
    """

    def __init__(
        self, X: IntArray, y: FloatArray, lattice: Lattice, encoding: Encoding, leaf_size: int, seed: int
    ) -> None:
        self.X = X
        self.y = y
        self.Z = encoding(X)
        self._lattice = lattice
        self._leaf_size = leaf_size
        self._seed = seed
        self._surrogates: dict[Region, Surrogate] = {}

    @functools.cached_property
    def parents(self) -> IntArray:
        """The best rows, which are worth mutating: feasible ones, unless the history has none."""
        order = np.argsort(-self.y, kind="stable")
        feasible = order[self._lattice.feasible(self.X[order])]
        rows: IntArray = self.X[(feasible if len(feasible) else order)[:_PARENTS]]
        return rows

    @functools.cached_property
    def tree(self) -> Region:
        """The root of the tree of regions."""
        return grow(self.Z, self.y, self._leaf_size)

    def surrogate(self, leaf: Region) -> Surrogate:
        """Returns the surrogate of a leaf, fitted on all rows while they are few, else on those around."""
        region = self.tree if len(self.X) <= MODEL_ROWS else leaf
        if region not in self._surrogates:
            rows = rows_around(self.Z, region.members, MODEL_ROWS)
            self._surrogates[region] = Surrogate(self.Z[rows], self.y[rows], self._seed)
        return self._surrogates[region]


def rows_around(Z: FloatArray, members: IntArray, limit: int) -> IntArray:
    """Chooses up to `limit` rows: first members, then others, both by distance to the members' mean.

    Args:
        Z: `n x f` features.
        members: `m` indices.
        limit: How many rows to choose.

    Returns:
        The chosen indices, increasing.
    """
    distance = ((Z - Z[members].mean(axis=0)) ** 2).sum(axis=1)
    outside = np.ones(len(Z), dtype=np.bool_)
    outside[members] = False
    return np.sort(np.lexsort((distance, outside))[:limit])
