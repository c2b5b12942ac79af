"""What every source of images provides: names, labels, and images that are read one by one."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tiernas.errors import UsageError
from tiernas.image_files import PassedOver

IntArray = npt.NDArray[np.int64]

_NAMED = 10
"""Number of classes listed in a message."""


@dataclass(frozen=True, slots=True)
class Part:
    """The images of one split, not yet decoded.

    Attributes:
        labels: `(n,)` int64.
        names: Name of each image in messages; length `n`.
        read: Opens the image at a position; raises what Pillow raises if it is damaged. Called from several threads at
            the same time.
    """

    labels: IntArray
    names: Sequence[str]
    read: Callable[[int], Image.Image]


@dataclass(frozen=True, slots=True)
class Source:
    """A data set as found.

    Attributes:
        classes: Names of the classes; label `i` is `classes[i]`.
        train: The training images; all images if the source has no splits.
        validation: The source's own validation split, if it has one.
        test: The source's own test split, if it has one.
        flip_safe: Whether a mirrored image shows the same class.
        passed_over: Files among the data that are skipped.
    """

    classes: tuple[str, ...]
    train: Part
    validation: Part | None = None
    test: Part | None = None
    flip_safe: bool = True
    passed_over: tuple[PassedOver, ...] = ()


def existing_folder(path: Path | None) -> Path:
    """The folder of a configuration.

    Raises:
        UsageError: It is not a folder.
    """
    if path is None or not path.is_dir():
        what = "is a file, not a folder" if path is not None and path.exists() else "does not exist"
        raise UsageError(f"data.path = {str(path)!r}: {what}; give the folder that holds the images")
    return path


def open_stored(stored: Mapping[str, Any] | None, folder: Path | None = None) -> Image.Image:
    """An image as the `datasets` library stores it: `bytes`, or the `path` of a file on this machine.

    Args:
        stored: The row's value; None if it has none.
        folder: The folder that a relative path starts from.

    Raises:
        ValueError: There is no image.
    """
    content, path = (None, None) if stored is None else (stored.get("bytes"), stored.get("path"))
    if content:
        return Image.open(io.BytesIO(content))
    if content is None and path:
        return Image.open(path if folder is None else folder / path)
    raise ValueError("the row has no image")


def require_labels(labels: IntArray, names: Sequence[str], classes: Sequence[str], split: str, where: object) -> None:
    """Refuses a split that is empty or has labels outside the classes.

    Args:
        labels: Label of every image of the split, `(n,)`.
        names: Name of each image in messages; length `n`.
        classes: Names of the classes.
        split: Name of the split.
        where: Name of the data set.

    Raises:
        UsageError: The message names the first image whose label is wrong, and the number of such images.
    """
    if not len(labels):
        raise UsageError(f"data: the {split} split of {where} has no images; add some, or remove the split")
    wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if wrong.size:
        row = int(wrong[0])
        others = f" (and {wrong.size - 1} more images have such labels)" if wrong.size > 1 else ""
        raise UsageError(
            f"data: {names[row]} of {where} has label {labels[row]}{others}, but there are {len(classes)} classes "
            f"(labels 0 to {len(classes) - 1}); fix the labels or the class names"
        )


def require_classes(names: Sequence[str], classes: Sequence[str], split: str, where: object) -> None:
    """Refuses a split whose classes differ from those of the training images, or are in another order.

    Args:
        names: Names of the classes that the split declares.
        classes: Those of the training images.
        split: Name of the split.
        where: Name of the data set.

    Raises:
        UsageError: The message lists both.
    """
    if list(names) != list(classes):
        raise UsageError(
            f"data: the {split} split of {where} has the classes {_named(names)}, but the training images have "
            f"{_named(classes)}; both must have the same, in the same order"
        )


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f", ... ({len(names)} in all)" if len(names) > _NAMED else "")
