"""Many layers as integers: layers of one block, and ordered layers of several blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiernas.blocks.block import Block

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """What many layers, or many networks, need to be stored and run: `m` counts of each, which are exact.

    Attributes:
        weights: Weights of convolutions and linear layers.
        other_params: Other trainable parameters: biases, normalization, slopes of activations, positions of tokens.
        macs: Multiply-accumulates of convolutions, linear layers and matrix products, at batch 1.
        held: Elements of the feature maps that are held at the same time, at most, for one image; see `Block.sizes`.
    """

    weights: FloatArray
    other_params: FloatArray
    macs: FloatArray
    held: FloatArray

    @property
    def params(self) -> FloatArray:
        """Trainable parameters (`m`)."""
        return self.weights + self.other_params


@dataclass(frozen=True, slots=True, eq=False)
class BlockRows:
    """Layers of one block.

    Attributes:
        block: The kind of block.
        values: `m x k` integers, one column per field of the block; strings as positions in the allowed choice.
    """

    block: type[Block]
    values: IntArray

    @classmethod
    def of(cls, layers: Sequence[Block]) -> BlockRows:
        """The rows of one or more layers of one block."""
        block = type(layers[0])
        allowed = block.allowed()
        rows = [
            [
                allowed[name].index(getattr(layer, name)) if name in allowed else getattr(layer, name)
                for name in block.columns()
            ]
            for layer in layers
        ]
        return cls(block, np.array(rows, dtype=np.int64))

    @classmethod
    def of_columns(cls, block: type[Block], m: int, columns: Mapping[str, IntArray | int | str]) -> BlockRows:
        """The rows of `m` layers, column by column.

        Args:
            block: The kind of block.
            m: Number of layers.
            columns: For each field its values (`m`) or a common value; arrays of strings as positions. A field with a
                default may be omitted.
        """
        columns = {**block.defaults(), **columns}
        values = np.empty((len(block.columns()), m), dtype=np.int64)  # column-major, for fast access to columns
        for row, name in zip(values, block.columns(), strict=True):
            value = columns[name]
            row[:] = block.allowed()[name].index(value) if isinstance(value, str) else value
        return cls(block, values.T)

    def __len__(self) -> int:
        return len(self.values)

    def layers(self) -> list[Block]:
        """The layers that these rows represent."""
        allowed = [self.block.allowed().get(name) for name in self.block.columns()]
        return [
            self.block(*(texts[v] if texts else v for texts, v in zip(allowed, row, strict=True)))
            for row in self.values.tolist()
        ]

    def subset(self, index: IntArray | BoolArray | slice) -> BlockRows:
        """Some of the rows."""
        return BlockRows(self.block, self.values[index])

    def numbers(self, *names: str) -> tuple[FloatArray, ...]:
        """The values (`m`) of integer fields."""
        columns = self.block.columns()
        return tuple(self.values[:, columns.index(name)].astype(np.float64) for name in names)

    def have(self, name: str, text: str) -> BoolArray:
        """Mask of the layers (`m`) whose field has this value."""
        code = self.block.allowed()[name].index(text)
        found: BoolArray = self.values[:, self.block.columns().index(name)] == code
        return found

    def work(self) -> FloatArray:
        """Counts of work by kind (`m x k`), columns as in `Block.work_kinds`.

        Raises:
            ValueError: The block counts a kind that is not among its `work_kinds`.
        """
        kinds, counted = self.block.work_kinds, self.block.work(self)
        if not counted.keys() <= set(kinds):
            unknown = ", ".join(sorted(counted.keys() - set(kinds)))
            raise ValueError(f"block {self.block.block!r} counts {unknown}, which its work_kinds do not include")
        counts = np.zeros((len(self), len(kinds)))
        for column, kind in enumerate(kinds):
            if kind in counted:
                counts[:, column] = counted[kind]
        return counts

    def macs(self) -> FloatArray:
        """Multiply-accumulates (`m`) of the layers."""
        columns = [column for column, kind in enumerate(self.block.work_kinds) if kind.endswith("_macs")]
        total: FloatArray = self.work()[:, columns].sum(axis=1)
        return total

    def sizes(self, num_classes: int) -> Sizes | None:
        """Sizes of the layers (`m`), see `Block.sizes`."""
        return self.block.sizes(self, num_classes)

    def likeness(self) -> FloatArray:
        """Features of the layers (`m x f`), see `Block.likeness`."""
        return self.block.likeness(self)


def counted_macs(counted: Mapping[str, FloatArray]) -> FloatArray:
    """Multiply-accumulates (`m`) in the work of layers by kind, see `Block.work`."""
    total: FloatArray = np.sum([count for kind, count in counted.items() if kind.endswith("_macs")], axis=0)
    return total


@dataclass(frozen=True, slots=True, eq=False)
class LayerRows:
    """Ordered layers of several blocks.

    Attributes:
        parts: For each block its rows and their positions (`m_b`) in the order, increasing.
    """

    parts: tuple[tuple[BlockRows, IntArray], ...]

    @classmethod
    def of(cls, layers: Sequence[Block]) -> LayerRows:
        """The rows of layers; blocks in order of first occurrence."""
        places: dict[type[Block], list[int]] = {}
        for place, layer in enumerate(layers):
            places.setdefault(type(layer), []).append(place)
        return cls(
            tuple((BlockRows.of([layers[i] for i in found]), np.array(found, np.int64)) for found in places.values())
        )

    def __len__(self) -> int:
        return sum(len(rows) for rows, _ in self.parts)

    def each(self, function: Callable[[BlockRows], FloatArray]) -> FloatArray:
        """Applies a function to the rows of each block; results in the order of the layers (`m`)."""
        values = np.empty(len(self))
        for rows, places in self.parts:
            values[places] = function(rows)
        return values

    def subset(self, kept: BoolArray) -> LayerRows:
        """The layers selected by a mask (`m`), in the same order."""
        renumbered = np.cumsum(kept) - 1
        found = [(rows.subset(kept[places]), renumbered[places[kept[places]]]) for rows, places in self.parts]
        return LayerRows(tuple(part for part in found if len(part[0])))
