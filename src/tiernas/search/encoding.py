"""The features of a row of the lattice for a classifier or a Gaussian process."""

import numpy as np

from tiernas.search.lattice import FloatArray, IntArray, Lattice


class Encoding:
    """Ordered dimensions scaled to [0, 1], categorical ones as one-hot, constant ones left out.

    Two categories of a dimension with two differ in one column, of a larger dimension in two. A lattice in which every
    dimension is constant has one column of zeros.

    Args:
        lattice: The lattice the rows belong to.
    """

    def __init__(self, lattice: Lattice) -> None:
        self._ordered = np.flatnonzero((lattice.levels > 1) & ~lattice.unordered)
        self._scale = lattice.levels[self._ordered] - 1.0
        self._hot = [(int(j), np.arange(lattice.levels[j])) for j in np.flatnonzero(lattice.unordered)]

    def __call__(self, X: IntArray) -> FloatArray:
        """Maps `n x d` rows to `n x f` features."""
        columns = [X[:, self._ordered] / self._scale]
        columns += [(X[:, j, None] == values).astype(np.float64) for j, values in self._hot]
        features = np.concatenate(columns, axis=1)
        return features if features.shape[1] else np.zeros((len(X), 1))
