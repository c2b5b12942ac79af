"""A data set through Ray's object store, for nodes that do not see its files.

The decoded images are NumPy arrays in shared memory: one copy per node, however many workers are on it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tiernas.training import DataConfig, ImageSet, Splits, load_data


@dataclass(frozen=True, slots=True)
class PackedPart:
    """One split: `images` is `(n, size, size, 3)` uint8, `labels` `(n,)` int64."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PackedSplits:
    """A data set as arrays shared between processes."""

    train: PackedPart
    validation: PackedPart
    test: PackedPart
    classes: tuple[str, ...]
    flip_safe: bool
    skipped: tuple[str, ...]
    digest: str


def load_packed(data: dict[str, Any], cache_dir: str) -> PackedSplits:
    """The data set of a job's `data`, on a machine that sees its files.

    Raises:
        UsageError: It cannot be read.
    """
    splits = load_data(DataConfig.model_validate(data), cache_dir=Path(cache_dir), tell=False)
    train, validation, test = (_packed(part) for part in (splits.train, splits.validation, splits.test))
    return PackedSplits(train, validation, test, splits.classes, splits.flip_safe, splits.skipped, splits.digest)


def unpack(packed: PackedSplits) -> Splits:
    """Restores the data set without copying pixels."""
    parts = (packed.train, packed.validation, packed.test)
    train, validation, test = (_unpacked(part, packed.classes) for part in parts)
    return Splits(train, validation, test, packed.flip_safe, packed.skipped, packed.digest)


def _packed(part: ImageSet) -> PackedPart:
    return PackedPart(part.images.permute(0, 2, 3, 1).numpy(), part.labels.numpy())


def _unpacked(part: PackedPart, classes: tuple[str, ...]) -> ImageSet:
    with warnings.catch_warnings(action="ignore"):  # the array is read-only, and nothing writes to it
        images = torch.from_numpy(part.images)
    return ImageSet(images.permute(0, 3, 1, 2), torch.from_numpy(part.labels.copy()), classes)
