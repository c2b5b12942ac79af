"""Images in memory: what sources provide, and training and evaluation use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_AHEAD = 4
"""How many batches ahead the disk is asked for images."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """Labeled images of one split.

    Attributes:
        images: `(n, 3, size, size)` uint8, RGB, in channels-last memory.
        labels: `(n,)` int64, positions in `classes`.
        classes: Names of the classes.
        ask_for: Makes the disk read the images of some rows, `(k,)` int64, without waiting for it; None if all images
            are in memory.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    ask_for: Callable[[Tensor], None] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_size(self) -> int:
        """Height and width of the stored images, in pixels."""
        return int(self.images.shape[-1])

    def batches(self, rows: Sequence[Tensor]) -> Iterator[Tensor]:
        """`images[r]` for each `r` of `rows` in turn; images on disk are requested some batches ahead.

        Args:
            rows: Positions of the images of each batch, `(k,)` int64 each.
        """
        pixels = self.images.permute(0, 2, 3, 1)  # each image contiguous in memory, so that taking it is a copy
        for step, now in enumerate(rows):
            if self.ask_for is not None:
                for later in rows[step + _AHEAD : step + _AHEAD + 1] if step else rows[: _AHEAD + 1]:
                    self.ask_for(later)
            yield pixels.index_select(0, now).permute(0, 3, 1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """A data set in three disjoint splits.

    Attributes:
        train: The split that networks learn from.
        validation: The split that candidates are compared on.
        test: The split for the final evaluation only; `train` in this package never reads it.
        flip_safe: Whether a mirrored image shows the same class; not so for digits.
        skipped: Names of the images that could not be read and were skipped.
        digest: 16 hexadecimal digits over all images and labels of the three splits: results of different data, or of
            other splits of the same data, never have the same one.
        notes: What the user should know: what was skipped, and which images occur twice.
    """

    train: ImageSet
    validation: ImageSet
    test: ImageSet
    flip_safe: bool
    skipped: tuple[str, ...]
    digest: str
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""
        return self.train.classes

    @property
    def counts(self) -> dict[str, int]:
        """Number of images of each split, and of those skipped."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: len(part) for name, part in parts.items()} | {"skipped": len(self.skipped)}


def digest_of(parts: Iterable[ImageSet]) -> str:
    """16 hexadecimal digits over shapes, pixels, labels and class names of image sets, in their order."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(repr((tuple(part.images.shape), part.classes)).encode())
        sha.update(part.images.permute(0, 2, 3, 1).flatten().numpy().data)
        sha.update(part.labels.numpy().data)
    return sha.hexdigest()[:16]


def channels_last(images: Tensor) -> Tensor:
    """`(n, channels, height, width)` images with the channels of a pixel contiguous in memory."""
    return images.contiguous(memory_format=torch.channels_last)
