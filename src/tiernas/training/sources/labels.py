"""Labels as they are written, numbers or names, to positions among the classes."""

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
        labels: A whole number, or the name of a class, of every image; length `n`.
        names: What each image is called; length `n`.
    """

    labels: Sequence[Written]
    names: Sequence[str]


def written_label(value: object, name: str, where: str) -> Written:
    """One label: a whole number as it is, a text without the blanks around it.

    A text is the name of a class even if it looks like a number.

    Args:
        value: What is written there.
        name: What the image is called.
        where: What holds the label, such as a column.

    Raises:
        UsageError: There is none, or it is no single whole number or name.
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
    """The labels of a table's rows, which are called by the split and their number.

    Args:
        values: What is written in each row.
        split: Name of the split.
        where: What holds the labels, such as a column.

    Raises:
        UsageError: As `written_label`.
    """
    names = [f"{split} row {row}" for row in range(len(values))]
    return Labelled([written_label(v, name, where) for v, name in zip(values, names, strict=True)], names)


def lack(values: Sequence[object]) -> bool:
    """Whether a split has no labels at all, as the test splits of competitions: each is missing, or `datasets`' -1."""
    return bool(len(values)) and all(value is None or (isinstance(value, int) and value == -1) for value in values)


def numbered(
    splits: Mapping[str, Labelled], declared: Sequence[str] | None, where: object
) -> tuple[tuple[str, ...], dict[str, IntArray]]:
    """Classes and the position among them of every label.

    Whole numbers are positions already: among the declared classes or, where there are none, among `"0"`, `"1"` and so
    on. Names are looked up among the declared classes or, where there are none, among those of the training images,
    sorted.

    Args:
        splits: Labels by split, "train" among them.
        declared: Names of the classes, where the data say them.
        where: What the data set is called.

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
            what = (
                "which is not among the names of the classes"
                if are_declared
                else "which the training images do not have"
            )
            raise UsageError(f"data: {name} is of class {label!r}, {what}; they are: {', '.join(classes)}")
    return np.array([positions[str(label)] for label in split.labels], dtype=np.int64)


def _counted(labels: Iterable[IntArray], where: object) -> tuple[str, ...]:
    found = list(labels)
    most = max(int(of_split.max(initial=-1)) for of_split in found)
    if most >= sum(map(len, found)):
        raise UsageError(
            f"data: {where} has the label {most} and {sum(map(len, found))} images; labels are positions of "
            "classes and go from 0 on without gaps. Number them so, or write them as names"
        )
    return tuple(map(str, range(1 + most)))


def _is_writable(text: str) -> bool:
    """Whether files and databases take a text: JSON may hold halves of UTF-16 pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
