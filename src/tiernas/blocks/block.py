"""`Block`: a layer as networks and latency tables see it."""

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

    from tiernas.blocks.rows import BlockRows, FloatArray, Sizes


@dataclass(frozen=True, slots=True)
class ModuleOptions:
    """Options for building a layer, in addition to its fields.

    Attributes:
        num_classes: Classes of the classifier.
        bn_eps: Epsilon of every batch normalization.
        dropout: Dropout before the classifier.
        drop_path_rate: Probability that a residual branch is dropped during training.
    """

    num_classes: int = 1000
    bn_eps: float = 1e-3
    dropout: float = 0.0
    drop_path_rate: float = 0.0


_MOST = 2**16
"""The largest allowed integer: more than any network needs, so that an error is reported before it fills memory."""


def whole(least: int = 1, *, odd: bool = False) -> dict[str, Any]:
    """Metadata of an integer field; without metadata, a field is at least 1."""
    return {"least": least, "odd": odd}


def choice(*allowed: str) -> dict[str, Any]:
    """Metadata of a field that holds one of these strings."""
    return {"allowed": allowed}


class Block(abc.ABC):
    """A kind of block; an instance is a layer: one block with its input shape, the key of the latency table.

    A subclass is a frozen dataclass with slots. Its fields are integers (`whole`) or strings from a fixed choice
    (`choice`), and determine the latency except for the number of classes.

    Attributes:
        block: Name of the kind of block.
        work_kinds: What `work` counts, in order. A kind whose name ends in `_macs` counts multiply-accumulates.
        stand_ins: Maps a kind to the one it counts as in a latency table whose networks do not have it; empty by
            default.
    """

    __slots__ = ()

    block: ClassVar[str]
    work_kinds: ClassVar[tuple[str, ...]]
    stand_ins: ClassVar[Mapping[str, str]] = {}

    @property
    @abc.abstractmethod
    def in_shape(self) -> tuple[int, ...]:
        """Shape of the input without the batch dimension, such as channels, height and width."""

    @property
    @abc.abstractmethod
    def out_shape(self) -> tuple[int, ...]:
        """Shape of the output without the batch dimension; for a classifier, of its last feature map."""

    @property
    def reduction(self) -> int:
        """Input pixels per output pixel, along each side."""
        return 1

    @property
    @abc.abstractmethod
    def settings(self) -> str:
        """The fields except the input shape, in words: "5x5 stride 2 mid 288 SE 12 swish"."""

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
            `m` counts for each of `work_kinds`; a missing kind counts as zero.
        """

    @classmethod
    @abc.abstractmethod
    def likeness(cls, rows: BlockRows) -> FloatArray:
        """Features of layers, scaled so that similar layers are close to each other.

        Args:
            rows: `m` layers of this block.

        Returns:
            `m x f` numbers. Layers at a distance of 4 are still similar: a doubling of channels is 1.
        """

    @classmethod
    def sizes(cls, rows: BlockRows, num_classes: int) -> Sizes | None:
        """Counts the parameters, multiply-accumulates and feature maps of many layers exactly, for `[limits]`.

        A map is held from the operation that computes it to the last one that uses it. A convolution, a linear layer,
        a matrix product and a mean need their input and their output at the same time. Normalization, activation,
        gating and addition overwrite an input that nothing else needs. The input of a residual block is held until it
        is added.

        Args:
            rows: `m` layers of this block.
            num_classes: Number of classes of their networks; matters for a classifier alone.

        Returns:
            `m` counts of each; None by default, if the block does not count them. Then networks that have it cannot be
            limited.
        """
        return None

    @abc.abstractmethod
    def module(self, options: ModuleOptions) -> nn.Module:
        """Builds the layer with fresh weights; its modules are registered in execution order."""

    def checked(self, where: str) -> Self:
        """Validates the fields and returns the layer with plain Python integers.

        Args:
            where: How messages refer to it.

        Raises:
            UsageError: A field has the wrong type or is out of range; the message names it.
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
        """Name and fields of the block, serializable as JSON, without fields that have their default value."""
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
        """Default values of optional fields, such as fields that were added to a block later."""
        return {each.name: each.default for each in fields(cls) if each.default is not MISSING}  # type: ignore[arg-type]

    @classmethod
    @cache
    def allowed(cls) -> Mapping[str, tuple[str, ...]]:
        """The allowed strings of each choice field; a row stores their positions."""
        found = {each.name: each.metadata.get("allowed") for each in fields(cls)}  # type: ignore[arg-type]
        return {name: texts for name, texts in found.items() if texts is not None}


def _wrong_choice(value: object, allowed: tuple[str, ...]) -> str | None:
    return None if value in allowed else f"must be one of {', '.join(allowed)}"


def _wrong_number(value: object, least: int = 1, odd: bool = False) -> str | None:
    if not isinstance(value, Integral) or isinstance(value, bool) or not least <= int(value) <= _MOST:
        return f"must be a whole number from {least} to {_MOST:,}"
    return "must be odd, so that padding keeps the size" if odd and int(value) % 2 == 0 else None
