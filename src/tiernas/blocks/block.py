"""`Block`: what networks and latency tables know of a layer."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from torch import nn

    from tiernas.blocks.rows import BlockRows, FloatArray


@dataclass(frozen=True, slots=True)
class ModuleOptions:
    """What a layer is built with beside its fields.

    Attributes:
        num_classes: Classes of the classifier.
        bn_eps: Epsilon of every batch normalisation.
        dropout: Dropout before the classifier.
        drop_path_rate: Probability with which a residual branch is dropped in training.
    """

    num_classes: int = 1000
    bn_eps: float = 1e-3
    dropout: float = 0.0
    drop_path_rate: float = 0.0


def choice(*allowed: str) -> Any:
    """A field of a block that holds one of these texts."""
    return field(metadata={"allowed": allowed})


class Block(abc.ABC):
    """A kind of block; an instance is a layer: one block with the shape of its input, the key of the latency table.

    A subclass is a frozen dataclass with slots. Its fields are whole numbers, or texts of a fixed choice (`choice`),
    and say all that a latency depends on but the number of classes.

    Attributes:
        block: Name of the kind of block.
        work_kinds: What `work` counts, in order. A kind whose name ends in `_macs` counts multiply-accumulates.
    """

    __slots__ = ()

    block: ClassVar[str]
    work_kinds: ClassVar[tuple[str, ...]]

    @property
    @abc.abstractmethod
    def in_shape(self) -> tuple[int, ...]:
        """Shape of the input without the batch, such as channels, height and width."""

    @property
    @abc.abstractmethod
    def out_shape(self) -> tuple[int, ...]:
        """Shape of the output without the batch; of a classifier, of the last map that it makes."""

    @property
    def reduction(self) -> int:
        """Input pixels per output pixel, along each side."""
        return 1

    @property
    @abc.abstractmethod
    def settings(self) -> str:
        """The fields but the shape of the input, in words: "5x5 stride 2 mid 288 SE 12 swish"."""

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """The layer in one line: "irb 5x5/2 48-288-112 SE12 swish @56"."""

    @classmethod
    @abc.abstractmethod
    def work(cls, rows: BlockRows) -> Mapping[str, FloatArray]:
        """Counts the work of many layers at batch 1, kind by kind.

        Args:
            rows: `m` layers of this block.

        Returns:
            `m` counts for each of `work_kinds`; a kind that is missing counts nothing.
        """

    @classmethod
    @abc.abstractmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        """What layers differ in, scaled so that similar ones are near each other.

        Args:
            rows: `m` layers of this block.

        Returns:
            `m x f` numbers. Layers that are 4 apart are still alike: a doubling of channels is 1.
        """

    @abc.abstractmethod
    def module(self, options: ModuleOptions) -> nn.Module:
        """Builds the layer with fresh weights; its modules are registered in the order they run."""

    def to_dict(self) -> dict[str, Any]:
        """Name of the block and its fields, as what JSON can hold."""
        return {"block": self.block, **asdict(self)}  # type: ignore[call-overload]

    @classmethod
    @cache
    def columns(cls) -> tuple[str, ...]:
        """Names of the fields: the columns of `BlockRows`."""
        return tuple(each.name for each in fields(cls))  # type: ignore[arg-type]

    @classmethod
    @cache
    def allowed(cls) -> Mapping[str, tuple[str, ...]]:
        """The texts that fields may hold, by name; a row holds their positions."""
        found = {each.name: each.metadata.get("allowed") for each in fields(cls)}  # type: ignore[arg-type]
        return {name: texts for name, texts in found.items() if texts is not None}
