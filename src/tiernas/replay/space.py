"""A bare lattice as a search space, so that a study runs on it."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tiernas.blocks import IntArray
from tiernas.errors import UsageError
from tiernas.spaces import Architecture, LayerGroup, SearchSpace
from tiernas.spaces.architecture import Head, Stage, Stem
from tiernas.spaces.space import Dimension

_STEM = Stem(filters=1)
_HEAD = Head(filters=1)


class LatticeSpace(SearchSpace):
    """Rows of levels as networks, one for one: level `l` of dimension `i` is a stage `i` with `l + 1` filters.

    The networks have nothing to do with what the rows mean. A study keeps apart by its digest what it trains and
    sends it to a worker as JSON; all it needs is that different rows are different networks.

    Args:
        levels: Number of values of each of the `d` dimensions.
        categorical: Which dimensions have no order among their values.
    """

    def __init__(self, levels: Sequence[int], categorical: Sequence[bool]) -> None:
        dimensions = tuple(
            Dimension(f"dimension {i}", tuple(range(n)), flag)
            for i, (n, flag) in enumerate(zip(levels, categorical, strict=True))
        )
        super().__init__("lattice", dimensions, num_classes=1)

    def decode(self, vector: npt.ArrayLike) -> Architecture:
        """The network that stands for a row of length `d`.

        Raises:
            UsageError: The row has another length or a value outside the lattice.
        """
        (row,) = self.validate(np.atleast_2d(np.asarray(vector))).tolist()
        stages = tuple(Stage("conv", level + 1, kernel=1, stride=1, layers=1, activation="relu") for level in row)
        return Architecture(1, _STEM, stages, _HEAD)

    def encode(self, architecture: Architecture) -> IntArray:
        """The row (length `d`) that a network stands for.

        Raises:
            UsageError: It stands for none.
        """
        levels = np.array([[stage.filters - 1 for stage in architecture.stages]], dtype=np.int64)
        row: IntArray = self.validate(levels)[0]
        if self.decode(row) != architecture:
            raise UsageError("the network stands for no row of the lattice")
        return row

    def canonical(self, vectors: IntArray) -> IntArray:
        """The rows themselves: each stands for another network."""
        return vectors

    def layer_groups(self, vectors: IntArray) -> Iterator[LayerGroup]:
        """Not available: a replay has no latency table."""
        raise NotImplementedError("rows of a lattice are not made of layers")
