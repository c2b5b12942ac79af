"""What every source of images gives: names, labels, and images that are read one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

IntArray = npt.NDArray[np.int64]

SPLIT_NAMES = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
"""The names that splits go by in the wild, and what they are called here."""


@dataclass(frozen=True, slots=True)
class Part:
    """The images of one split, not yet decoded.

    Attributes:
        labels: `(n,)` int64.
        names: What each image is called in messages; length `n`.
        read: Opens the image at a position; raises what Pillow raises where it is damaged.
    """

    labels: IntArray
    names: Sequence[str]
    read: Callable[[int], Image.Image]


@dataclass(frozen=True, slots=True)
class Source:
    """A data set as it lies there.

    Attributes:
        classes: Names of the classes; label `i` is `classes[i]`.
        train: The training images; all images where the source knows no splits.
        validation: The source's own validation split, if it has one.
        test: The source's own test split, if it has one.
        flip_safe: Whether a mirrored image shows the same class.
    """

    classes: tuple[str, ...]
    train: Part
    validation: Part | None = None
    test: Part | None = None
    flip_safe: bool = True
