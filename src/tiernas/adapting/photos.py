"""Inspects a folder of photos and checks that there are enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tiernas.errors import UsageError
from tiernas.training import DataConfig
from tiernas.training.sources import Part, open_source

LEAST_OF_A_CLASS = 10
"""With fewer, validation and test would have one photo of the class, or none."""

_LOOKED_AT = 100
"""Number of photos per split whose size is read."""


@dataclass(frozen=True, slots=True)
class Photos:
    """A folder of photos.

    Attributes:
        path: The folder, absolute.
        counts: Number of photos of each class, in all splits.
        training: Number of photos in the training split.
        typical_px: Median length of the shorter side of the inspected photos, in pixels.
    """

    path: Path
    counts: Mapping[str, int]
    training: int
    typical_px: int

    @property
    def words(self) -> str:
        """A description in words."""
        fewest, most = min(self.counts.values()), max(self.counts.values())
        of_a_class = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        return (
            f"{sum(self.counts.values())} photos of {len(self.counts)} classes ({of_a_class} of each), {self.training} "
            f"for training; their shorter side is typically {self.typical_px} px"
        )


def look_at(path: Path) -> Photos:
    """Lists the photos of a folder and reads the sizes of some.

    Args:
        path: The folder, with a folder of photos for each class, or with such a folder for each split.

    Raises:
        UsageError: There are no photos, only one class, or too few photos of a class, or none of the inspected photos
            can be read.
    """
    config = DataConfig(kind="folder", path=path.absolute())
    try:
        source = open_source(config)
    except UsageError as error:
        raise UsageError(str(error).replace("data.path", "PHOTOS", 1)) from error
    splits = [part for part in (source.train, source.validation, source.test) if part is not None]
    found = sum(np.bincount(part.labels, minlength=len(source.classes)) for part in splits)
    counts = dict(zip(source.classes, np.asarray(found).tolist(), strict=True))
    if len(counts) < 2:
        raise UsageError(f"{path}: there is only one class, {source.classes[0]!r}; add a folder of photos of another")
    few = [f"{name!r} has {count}" for name, count in counts.items() if count < LEAST_OF_A_CLASS]
    if few:
        raise UsageError(
            f"{path}: too few photos of a class: {', '.join(few)}; each needs at least {LEAST_OF_A_CLASS}, for "
            "training, validation and test. Add photos or remove the class"
        )
    sides = [side for part in splits for side in _shorter_sides(part)]
    if not sides:
        raise UsageError(f"{path}: none of the inspected photos can be read, such as {splits[0].names[0]}")
    training = len(source.train.labels)
    for own, fraction in ((source.test, config.test_fraction), (source.validation, config.validation_fraction)):
        training -= 0 if own is not None else round(fraction * training)
    return Photos(path.absolute(), counts, training, int(np.median(sides)))


def _shorter_sides(part: Part) -> Iterator[int]:
    """Shorter sides of photos across a split, in pixels; decoding, not this, reports unreadable photos by name."""
    count = len(part.labels)
    for row in np.unique(np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(int)).tolist():
        try:
            with part.read(row) as image:
                yield min(image.size)
        except Exception:  # for damaged files Pillow's formats raise anything
            continue
