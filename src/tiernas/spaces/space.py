"""`SearchSpace`: the interface of search spaces, and sampling, validation and levels of their vectors."""

from __future__ import annotations

import abc
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tiernas.blocks import Block, BlockRows
from tiernas.blocks.rows import IntArray
from tiernas.errors import UsageError
from tiernas.spaces.architecture import Architecture

_AT_ONCE = 2**12
"""Vectors sampled or checked at once, to stay in the cache; a power of two keeps a Sobol sequence balanced."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One integer of a vector.

    Attributes:
        name: Meaning of the integer, such as "stage2.filters".
        values: The allowed values, increasing.
        categorical: Whether the order of the values has no meaning (activations).

    Raises:
        UsageError: There are no values, or they are not increasing integers.
    """

    name: str
    values: tuple[int, ...]
    categorical: bool = field(default=False)

    def __post_init__(self) -> None:
        whole = all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in self.values)
        if not self.values or not whole or any(low >= high for low, high in pairwise(self.values)):
            raise UsageError(f"{self.name}: {list(self.values)}: must be increasing whole numbers, at least one")


@dataclass(frozen=True, slots=True, eq=False)
class LayerGroup:
    """Layers of many networks: at most one distinct layer per network, possibly repeated.

    Attributes:
        rows: The layers (`m`), all of one block.
        network: `m` integers, the index of the network to which the layer belongs; none occurs twice.
        count: `m` integers, how often the network has this layer; at least once.
    """

    rows: BlockRows
    network: IntArray
    count: IntArray

    @classmethod
    def of(cls, block: type[Block], count: IntArray, **columns: IntArray | int | str) -> LayerGroup:
        """The layers of one block that `n` networks have.

        Args:
            block: The kind of block.
            count: How often each network (`n`) has the layer; networks without it are omitted.
            columns: Fields of the layers, see `BlockRows.of_columns`; one value per network (`n`), or a common one.
        """
        present = np.flatnonzero(count)
        columns = {name: columns[name] for name in block.columns() if name in columns}
        if len(present) < len(count):
            columns = {name: c[present] if isinstance(c, np.ndarray) else c for name, c in columns.items()}
        return cls(BlockRows.of_columns(block, len(present), columns), present, count[present])


class SearchSpace(abc.ABC):
    """A set of networks, each represented by a vector of hyperparameter values.

    A vector contains the values themselves (32 filters is 32); a row of levels contains their indices, on which
    optimizers work.

    Attributes:
        name: Name of the space, by which `tiernas.get_space` finds built-in spaces.
        dimensions: The `d` integers of a vector.
        num_classes: Default number of classes of latency tables of this space.

    Raises:
        UsageError: There is no name, or no class.
    """

    def __init__(self, name: str, dimensions: tuple[Dimension, ...], num_classes: int) -> None:
        if not name:
            raise UsageError("a search space needs a name")
        if num_classes < 1:
            raise UsageError(f"space {name!r}: num_classes = {num_classes}: must be at least 1")
        self.name = name
        self.dimensions = dimensions
        self.num_classes = num_classes

    @abc.abstractmethod
    def decode(self, vector: npt.ArrayLike) -> Architecture:
        """The architecture of one vector of length `d`.

        Raises:
            UsageError: The vector has the wrong length or a value outside the space.
        """

    @abc.abstractmethod
    def encode(self, architecture: Architecture) -> IntArray:
        """The canonical vector (length `d`) of an architecture.

        Raises:
            UsageError: The space has no such network.
        """

    @abc.abstractmethod
    def canonical(self, vectors: IntArray) -> IntArray:
        """The vectors (`n x d`) with every value that does not matter set to the first allowed one.

        Two vectors decode to the same architecture if and only if their canonical vectors are equal.
        """

    @abc.abstractmethod
    def layer_groups(self, vectors: IntArray) -> Iterator[LayerGroup]:
        """The layers of many networks (`n x d`), group by group, such as the first layers of one stage.

        All groups together contain the layers of `decode(v).layers` for each vector, but without decoding each of them,
        so that a million networks take seconds.
        """

    @property
    def largest_resolution(self) -> int:
        """The largest input resolution of its networks, in pixels: that of the first or of the last vector."""
        return max(architecture.resolution for architecture in self._ends)

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits that distinguish spaces of the same name by their dimensions and networks."""
        ends = [architecture.to_json() for architecture in self._ends]
        dimensions = [(dimension.name, [int(v) for v in dimension.values]) for dimension in self.dimensions]
        return hashlib.sha256(json.dumps([dimensions, *ends]).encode()).hexdigest()[:16]

    @property
    def _ends(self) -> list[Architecture]:
        """The networks with the first and with the last value of every dimension."""
        return [self.decode([dimension.values[end] for dimension in self.dimensions]) for end in (0, -1)]

    @property
    def levels(self) -> tuple[int, ...]:
        """Number of values of each dimension."""
        return tuple(len(d.values) for d in self.dimensions)

    @property
    def size(self) -> int:
        """Number of vectors, canonical or not."""
        return math.prod(self.levels)

    def sample(self, n: int, seed: int = 0) -> IntArray:
        """The first `n` points of a scrambled Sobol sequence, as canonical vectors (`n x d`)."""
        if n < 1:
            raise UsageError(f"n = {n}: at least 1 network must be sampled")
        from scipy.stats import qmc  # takes half a second, which many commands can avoid

        sobol = qmc.Sobol(len(self.dimensions), scramble=True, rng=np.random.default_rng(seed))
        vectors = []
        chunk = min(_AT_ONCE, 2 ** math.ceil(math.log2(n)))
        for begin in range(0, n, chunk):
            rows = (sobol.random(chunk)[: n - begin] * self.levels).astype(np.int64)
            vectors.append(self.canonical(self.from_levels(np.minimum(rows, np.array(self.levels) - 1))))
        return np.concatenate(vectors)

    def from_levels(self, rows: IntArray) -> IntArray:
        """Vectors (`n x d`) of rows of levels (`n x d`)."""
        return np.stack([values[rows[:, i]] for i, values in enumerate(self._values)], axis=1)

    def to_levels(self, vectors: npt.ArrayLike) -> IntArray:
        """Rows of levels (`n x d`) of vectors (`n x d`), which are validated."""
        return self._validated(vectors)[1]

    def validate(self, vectors: npt.ArrayLike) -> IntArray:
        """The vectors as an `n x d` array of integers.

        Raises:
            UsageError: A vector is not in the space; the message names the first invalid vector and dimension, the
                value, and what is allowed.
        """
        return self._validated(vectors)[0]

    @cached_property
    def _values(self) -> list[IntArray]:
        return [np.array(d.values, dtype=np.int64) for d in self.dimensions]

    def _validated(self, vectors: npt.ArrayLike) -> tuple[IntArray, IntArray]:
        """Vectors as integers, and their levels (both `n x d`); called thousands of times by an optimizer."""
        try:
            array = np.asarray(vectors)
        except ValueError as error:
            raise UsageError(f"vectors of space {self.name!r} must all have the same length") from error
        if array.ndim != 2 or array.shape[1] != len(self.dimensions):
            shape = "x".join(map(str, array.shape))
            raise UsageError(
                f"vectors of space {self.name!r} have {len(self.dimensions)} integers; got an array of shape {shape}"
            )
        if array.dtype.kind not in "iuf" or (array.dtype.kind == "f" and not np.array_equal(array, np.round(array))):
            raise UsageError(f"vectors of space {self.name!r} contain integers; got {array.dtype}")
        if array.dtype.kind != "i" and array.size and abs(array).max() >= 2**62:
            raise UsageError(f"vectors of space {self.name!r} contain integers; got one of {abs(array).max():.3g}")
        array = array.astype(np.int64, copy=False)
        levels = np.empty_like(array)
        for begin in range(0, len(array), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            for i, values in enumerate(self._values):
                column = array[some, i].copy()
                level = np.minimum(np.searchsorted(values, column), len(values) - 1)
                wrong = values[level] != column
                if wrong.any():
                    row, dimension = int(wrong.argmax()), self.dimensions[i]
                    raise UsageError(
                        f"vector {begin + row}: {dimension.name} (position {i}) = {column[row]} is not in space "
                        f"{self.name!r}; allowed: {', '.join(map(str, dimension.values))}"
                    )
                levels[some, i] = level
        return array, levels
