"""From labels as written, numbers or names, to positions among the classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from tiernas.errors import UsageError
from tiernas.training.sources.source import IntArray, require_labels

Written = int | str

_LARGEST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labels of one split.

    Attributes:
        labels: An integer, or the name of a class, for every image; length `n`.
        names: Name of each image in messages; length `n`.
    """

    labels: Sequence[Written]
    names: Sequence[str]


def written_label(value: object, name: str, where: str) -> Written:
    """One label: an integer as it is, text without surrounding whitespace.

    Text is the name of a class even if it looks like a number.

    Args:
        value: The written value.
        name: Name of the image.
        where: Where the label comes from, such as a column.

    Raises:
        UsageError: It is missing, or is not a single integer or name.
    """
    remedy = "each image needs one whole number or one name of a class; add it, or remove the image"
    if value is None or (isinstance(value, float) and np.isnan(value)):
        raise UsageError(f"data: {name} has no label in {where}; {remedy}")
    if isinstance(value, str):
        text = value.strip()
        if not text or len(text.splitlines()) > 1 or not _is_writable(text):
            raise UsageError(f"data: {name} has the label {value!r} in {where}; {remedy}")
        return text
    if isinstance(value, Integral) and not isinstance(value, bool | np.bool_):
        if abs(int(value)) > _LARGEST:
            raise UsageError(f"data: {name} has the label {_short(value)} in {where}, which no class has; {remedy}")
        return int(value)
    if isinstance(value, Sequence | np.ndarray):
        raise UsageError(f"data: {name} has {len(value)} labels in {where}, {_short(value)}; {remedy}")
    raise UsageError(f"data: {name} has the label {_short(value)} in {where}; {remedy}")


def read_labels(values: Sequence[object], split: str, where: str) -> Labelled:
    """The labels of a table's rows, which are named by the split and their number.

    Args:
        values: The written value of each row.
        split: Name of the split.
        where: Where the labels come from, such as a column.

    Raises:
        UsageError: Like `written_label`.
    """
    names = [f"{split} row {row}" for row in range(len(values))]
    return Labelled([written_label(v, name, where) for v, name in zip(values, names, strict=True)], names)


def lack(values: Sequence[object]) -> bool:
    """Whether a split has no labels at all, like test splits of competitions: all are missing, or `datasets`' -1."""
    return bool(len(values)) and all(value is None or (isinstance(value, int) and value == -1) for value in values)


def numbered(
    splits: Mapping[str, Labelled], declared: Sequence[str] | None, where: object
) -> tuple[tuple[str, ...], dict[str, IntArray]]:
    """Classes, and each label's position among them.

    Integers are positions already: among the declared classes or, without those, among `"0"`, `"1"` and so on. Names
    are looked up among the declared classes or, without those, among those of the training images, sorted.

    Args:
        splits: Labels by split, including "train".
        declared: Names of the classes, if the data declare them.
        where: Name of the data set.

    Returns:
        Names of the classes, and `(n,)` labels of every split.

    Raises:
        UsageError: A split without an image, numbers mixed with names, or a label outside the classes.
    """
    first: dict[bool, tuple[str, Written]] = {}
    for split in splits.values():
        for name, label in zip(split.names, split.labels, strict=True):
            first.setdefault(isinstance(label, str), (name, label))
    if len(first) == 2:
        (named, text), (numbered_name, number) = first[True], first[False]
        raise UsageError(
            f"data: the labels of {where} are both names ({named}: {text!r}) and numbers ({numbered_name}: {number}); "
            "they must all be names of classes, or all positions from 0"
        )
    if True in first:
        classes = tuple(declared) if declared else tuple(sorted({str(label) for label in splits["train"].labels}))
        labels = {name: _looked_up(split, classes, declared is not None) for name, split in splits.items()}
    else:
        labels = {name: np.array(split.labels, dtype=np.int64) for name, split in splits.items()}
        classes = tuple(declared) if declared else _counted(labels.values(), where)
    for name, split in splits.items():
        require_labels(labels[name], split.names, classes, name, where)
    return classes, labels


def _looked_up(split: Labelled, classes: Sequence[str], are_declared: bool) -> IntArray:
    positions = {name: i for i, name in enumerate(classes)}
    for name, label in zip(split.names, split.labels, strict=True):
        if label not in positions:
            what = "which is not among the declared classes" if are_declared else "which the training images lack"
            raise UsageError(f"data: {name} is of class {label!r}, {what}; they are: {', '.join(classes)}")
    return np.array([positions[str(label)] for label in split.labels], dtype=np.int64)


def _counted(labels: Iterable[IntArray], where: object) -> tuple[str, ...]:
    found = list(labels)
    most = max(int(of_split.max(initial=-1)) for of_split in found)
    if most >= sum(map(len, found)):
        raise UsageError(
            f"data: {where} has the label {most} and {sum(map(len, found))} images; labels are positions of "
            "classes and count from 0 without gaps. Number them so, or write them as names"
        )
    return tuple(map(str, range(1 + most)))


def _is_writable(text: str) -> bool:
    """Whether files and databases accept a text: JSON may contain lone UTF-16 surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
