"""A plain lattice as a search space, so that a study can run on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiernas.blocks import Block
from tiernas.blocks.rows import IntArray
from tiernas.spaces import Architecture, LayerGroup, SearchSpace
from tiernas.spaces.space import Dimension


@dataclass(frozen=True, slots=True)
class LatticeRow(Architecture):
    """A row of levels instead of a network, which is never built.

    A study distinguishes what it trains by its digest and sends it to a worker as JSON: that is all this class has.

    Attributes:
        levels: A level for each dimension.
    """

    levels: tuple[int, ...]

    @property
    def layers(self) -> tuple[Block, ...]:
        return ()

    def to_json(self) -> str:
        return json.dumps(self.levels)

    @classmethod
    def from_json(cls, text: str) -> LatticeRow:
        """The row of a JSON text."""
        return cls(tuple(json.loads(text)))


class LatticeSpace(SearchSpace):
    """Rows of levels as networks, one to one.

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

    def decode(self, vector: npt.ArrayLike) -> LatticeRow:
        """The row itself.

        Raises:
            UsageError: It has another length or a value outside the lattice.
        """
        (row,) = self.validate(np.atleast_2d(np.asarray(vector))).tolist()
        return LatticeRow(tuple(row))

    def encode(self, architecture: Architecture) -> IntArray:
        """The levels (length `d`) of a row.

        UsageError: It is not a row, or not one of this lattice.
            UsageError: It is no row, or none of this lattice.
        """
        levels = architecture.levels if isinstance(architecture, LatticeRow) else ()
        row: IntArray = self.validate(np.array([levels], dtype=np.int64))[0]
        return row

    def canonical(self, vectors: IntArray) -> IntArray:
        """The rows themselves: each stands for another network."""
        return vectors

    def layer_groups(self, vectors: IntArray) -> Iterator[LayerGroup]:
        """Not available: a replay has no latency table."""
        raise NotImplementedError("rows of a lattice are not made of layers")
