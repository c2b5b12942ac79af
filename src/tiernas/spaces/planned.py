"""`PlannedSpace`: a space that defines the layers of its vectors once, for one network and for millions."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tiernas.blocks import ACTIVATIONS, Block, BlockRows
from tiernas.blocks.rows import BoolArray, IntArray
from tiernas.errors import UsageError
from tiernas.spaces.architecture import Architecture
from tiernas.spaces.layered import LayeredArchitecture
from tiernas.spaces.space import LayerGroup, SearchSpace

Columns = Mapping[str, IntArray | int | str]
"""For each field of a block its values in `n` networks, or a common value; arrays of strings as positions."""

_B = TypeVar("_B", bound=Block)


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """One or more consecutive layers, and how often each of `n` networks repeats them.

    Attributes:
        count: Number of repetitions (`n`), possibly 0.
        blocks: The kinds of block in execution order, with their fields.
    """

    count: IntArray
    blocks: tuple[tuple[type[Block], Columns], ...]


class PlannedSpace(SearchSpace):
    """A space whose networks are defined layer by layer; `decode` and `layer_groups` follow the same plan.

    Attributes:
        bn_eps: Epsilon of every batch normalization of its networks.
    """

    bn_eps: float = 1e-3

    @abc.abstractmethod
    def plan(self, values: Mapping[str, IntArray]) -> Iterator[Layers]:
        """The layers of `n` networks, in execution order.

        Args:
            values: The values (`n`) of each dimension, by name.
        """

    @abc.abstractmethod
    def read(self, layers: Sequence[Block]) -> Mapping[str, int]:
        """The values of the dimensions that layers determine; others get the first value of their dimension.

        Raises:
            LookupError: A layer that every network has is missing.
        """

    def decode(self, vector: npt.ArrayLike) -> LayeredArchitecture:
        row = self.validate(np.atleast_2d(vector))[:1]
        layers: list[Block] = []
        for part in self.plan(self.by_name(row)):
            if count := int(part.count[0]):
                once = [BlockRows.of_columns(block, 1, columns).layers()[0] for block, columns in part.blocks]
                layers += once * count
        return LayeredArchitecture(int(row[0, self._position("resolution")]), tuple(layers), self.bn_eps)

    def encode(self, architecture: Architecture) -> IntArray:
        if not isinstance(architecture, LayeredArchitecture):
            raise UsageError(f"space {self.name!r} encodes a layered architecture, not {type(architecture).__name__}")
        try:
            values = {"resolution": architecture.resolution, **self.read(architecture.blocks)}
        except LookupError as error:
            raise UsageError(f"the architecture is not in space {self.name!r}: {error.args[0]}") from error
        vector = [values.get(dimension.name, dimension.values[0]) for dimension in self.dimensions]
        encoded: IntArray = self.canonical(self.validate([vector]))[0]
        if why := _difference(architecture, self.decode(encoded)):
            raise UsageError(f"the architecture is not in space {self.name!r}: {why}")
        return encoded

    def layer_groups(self, vectors: IntArray) -> Iterator[LayerGroup]:
        for part in self.plan(self.by_name(vectors)):
            for block, columns in part.blocks:
                yield LayerGroup.of(block, part.count, **columns)

    def reset(self, vectors: IntArray, where: BoolArray, names: Sequence[str]) -> None:
        """Sets dimensions to their first value, in place, in the vectors (`n x d`) selected by a mask."""
        for name in names:
            position = self._position(name)
            vectors[where, position] = self.dimensions[position].values[0]

    def by_name(self, vectors: IntArray) -> dict[str, IntArray]:
        """The values of vectors (`n x d`), dimension by dimension, as `plan` takes them."""
        return {d.name: column for d, column in zip(self.dimensions, vectors.T, strict=True)}

    def _position(self, name: str) -> int:
        return self._positions[name]

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        return {dimension.name: position for position, dimension in enumerate(self.dimensions)}


def codes(names: Sequence[str], values: IntArray, allowed: Sequence[str] = ACTIVATIONS) -> IntArray:
    """The values (`n`) of a dimension, positions in `names`, as stored in columns of layers."""
    found: IntArray = np.array([allowed.index(name) for name in names], dtype=np.int64)[values]
    return found


def first(layers: Sequence[Block], block: type[_B]) -> _B:
    """The first layer of a kind.

    Raises:
        LookupError: There is none.
    """
    for layer in layers:
        if isinstance(layer, block):
            return layer
    raise LookupError(f"it has no {block.block}")


def position(what: str, names: Sequence[str], name: str) -> int:
    """The value of a dimension whose values are positions in `names`.

    Raises:
        LookupError: The name is not among them.
    """
    if name not in names:
        raise LookupError(f"its {what} is {name!r}; allowed: {', '.join(names)}")
    return names.index(name)


def split_at(layers: Sequence[Block], block: type[Block]) -> list[list[Block]]:
    """Splits layers before each layer of a kind, which starts a new part."""
    parts: list[list[Block]] = [[]]
    for layer in layers:
        if isinstance(layer, block):
            parts.append([])
        parts[-1].append(layer)
    return parts


def span(low: int, high: int, step: int = 1) -> tuple[int, ...]:
    """All values from `low` to `high`, inclusive."""
    return tuple(range(low, high + 1, step))


def _difference(architecture: LayeredArchitecture, nearest: LayeredArchitecture) -> str | None:
    """What an architecture has that the nearest network of a space has not, in words; None if they are equal."""
    ours, theirs = architecture.layers, nearest.layers
    for number, (layer, near) in enumerate(zip(ours, theirs, strict=False)):
        if layer != near:
            return f"its layer {number} is {layer.label}; the nearest network of the space has {near.label}"
    if len(ours) != len(theirs):
        return f"it has {len(ours)} layers; the nearest network of the space has {len(theirs)}"
    if architecture != nearest:
        return f"bn_eps = {architecture.bn_eps}; the space has {nearest.bn_eps}"
    return None
