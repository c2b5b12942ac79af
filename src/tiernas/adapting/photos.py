"""What a folder of photos holds, and whether that is enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tiernas.errors import UsageError
from tiernas.training import DataConfig
from tiernas.training.sources import Part, open_source

LEAST_OF_A_CLASS = 10
"""With fewer there is one photo to validate with and one to test with, or none."""

_LOOKED_AT = 100
"""Photos of a split whose size is read."""


@dataclass(frozen=True, slots=True)
class Photos:
    """A folder of photos.

    Attributes:
        path: The folder, absolute.
        counts: Photos of each class, in all splits.
        training: How many of them are for training.
        typical_px: Half of the photos that were looked at have a shorter side of at least this many pixels.
    """

    path: Path
    counts: Mapping[str, int]
    training: int
    typical_px: int

    @property
    def words(self) -> str:
        """What there is, in words."""
        fewest, most = min(self.counts.values()), max(self.counts.values())
        of_a_class = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        return (
            f"{sum(self.counts.values())} photos of {len(self.counts)} classes ({of_a_class} of each), {self.training} "
            f"for training; their shorter side is typically {self.typical_px} px"
        )


def look_at(path: Path) -> Photos:
    """Lists the photos of a folder and reads the size of some.

    Args:
        path: The folder, with a folder of photos for each class; or the same for each split.

    Raises:
        UsageError: There are no photos, one class only, or too few of a class; or none of those looked at can be read.
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
        raise UsageError(f"{path}: there is only one class, {source.classes[0]!r}; put photos of another one beside it")
    few = [f"{name!r} has {count}" for name, count in counts.items() if count < LEAST_OF_A_CLASS]
    if few:
        raise UsageError(
            f"{path}: too few photos of a class: {', '.join(few)}; each needs at least {LEAST_OF_A_CLASS}, for "
            "training, validation and test. Add photos or remove the class"
        )
    sides = [side for part in splits for side in _shorter_sides(part)]
    if not sides:
        raise UsageError(f"{path}: none of the photos that were looked at can be read, such as {splits[0].names[0]}")
    training = len(source.train.labels)
    for own, fraction in ((source.test, config.test_fraction), (source.validation, config.validation_fraction)):
        training -= 0 if own is not None else round(fraction * training)
    return Photos(path.absolute(), counts, training, int(np.median(sides)))


def _shorter_sides(part: Part) -> Iterator[int]:
    """In pixels, of photos that are spread over a split; what cannot be read is refused by name when it is decoded."""
    count = len(part.labels)
    for row in np.unique(np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(int)).tolist():
        try:
            with part.read(row) as image:
                yield min(image.size)
        except Exception:  # for damaged files Pillow's formats raise anything
            continue
