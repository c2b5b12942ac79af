"""`Block`: what networks and latency tables know of a layer."""

from __future__ import annotations

import abc
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from functools import cache
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tiernas.errors import UsageError

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


_MOST = 2**16
"""The greatest whole number: more than any network has, so that a wrong one is told before it fills the memory."""


def whole(least: int = 1, *, odd: bool = False) -> dict[str, Any]:
    """Metadata of a field that holds a whole number; one without them is at least 1."""
    return {"least": least, "odd": odd}


def choice(*allowed: str) -> dict[str, Any]:
    """Metadata of a field that holds one of these texts."""
    return {"allowed": allowed}


class Block(abc.ABC):
    """A kind of block; an instance is a layer: one block with the shape of its input, the key of the latency table.

    A subclass is a frozen dataclass with slots. Its fields are whole numbers (`whole`), or texts of a fixed choice
    (`choice`), and say all that a latency depends on but the number of classes.

    Attributes:
        block: Name of the kind of block.
        work_kinds: What `work` counts, in order. A kind whose name ends in `_macs` counts multiply-accumulates.
        stand_ins: Kinds that count as another one for a latency table none of whose networks has them; none by default.
    """

    __slots__ = ()

    block: ClassVar[str]
    work_kinds: ClassVar[tuple[str, ...]]
    stand_ins: ClassVar[Mapping[str, str]] = {}

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

    def checked(self, where: str) -> Self:
        """The same layer, its numbers those of Python.

        Args:
            where: What messages call it.

        Raises:
            UsageError: A field has another type or is out of range; names it.
        """
        values: dict[str, Any] = {}
        for each in fields(self):  # type: ignore[arg-type]
            value, allowed = getattr(self, each.name), each.metadata.get("allowed")
            wrong = _wrong_choice(value, allowed) if allowed else _wrong_number(value, **each.metadata)
            if wrong:
                raise UsageError(f"{where}.{each.name} = {reprlib.repr(value)}: {wrong}")
            values[each.name] = value if allowed else int(value)
        return type(self)(**values)

    def to_dict(self) -> dict[str, Any]:
        """Name of the block and its fields, as what JSON can hold; without those that have their default value."""
        defaults = self.defaults()
        given = {name: value for name, value in asdict(self).items() if value != defaults.get(name)}  # type: ignore[call-overload]
        return {"block": self.block, **given}

    @classmethod
    @cache
    def columns(cls) -> tuple[str, ...]:
        """Names of the fields: the columns of `BlockRows`."""
        return tuple(each.name for each in fields(cls))  # type: ignore[arg-type]

    @classmethod
    @cache
    def defaults(cls) -> Mapping[str, Any]:
        """Values of fields that need not be given, such as those that a block got after files had been written."""
        return {each.name: each.default for each in fields(cls) if each.default is not MISSING}  # type: ignore[arg-type]

    @classmethod
    @cache
    def allowed(cls) -> Mapping[str, tuple[str, ...]]:
        """The texts that fields may hold, by name; a row holds their positions."""
        found = {each.name: each.metadata.get("allowed") for each in fields(cls)}  # type: ignore[arg-type]
        return {name: texts for name, texts in found.items() if texts is not None}


def _wrong_choice(value: object, allowed: tuple[str, ...]) -> str | None:
    return None if value in allowed else f"must be one of {', '.join(allowed)}"


def _wrong_number(value: object, least: int = 1, odd: bool = False) -> str | None:
    if not isinstance(value, Integral) or isinstance(value, bool) or not least <= int(value) <= _MOST:
        return f"must be a whole number from {least} to {_MOST:,}"
    return "must be odd, so that padding keeps the size" if odd and int(value) % 2 == 0 else None
