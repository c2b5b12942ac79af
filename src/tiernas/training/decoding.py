"""Decodes image files to arrays of one size."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import joblib  # type: ignore[import-untyped]
import numpy as np
from PIL import UnidentifiedImageError

from tiernas.standalone.preprocessing import Pixels, square
from tiernas.training.sources import Part
from tiernas.training.sources.source import IntArray

_LOOKED_AT = 1000
"""Number of images whose size is read to find the largest; reads a few bytes of each."""

_BATCH = 32
"""Number of images a thread takes at a time, so that handing them out costs nothing."""

_STILL = frozenset({"MPO"})
"""Formats with several pictures that are not animations: a camera's photo comes first, its previews follow."""

_FINGERPRINT_BYTES = 16
"""Enough that different images never have the same one."""


@dataclass(frozen=True, slots=True)
class DamagedImage:
    """An image that cannot be read."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """The result of decoding images of a split.

    Attributes:
        rows: The readable images, `(m,)`.
        damaged: The unreadable ones.
        animated: Names of those with several frames.
        fingerprints: One for the pixels of each row, equal for images that are identical pixel for pixel; length `m`.
    """

    rows: IntArray
    damaged: list[DamagedImage]
    animated: list[str]
    fingerprints: list[bytes]


@dataclass(frozen=True, slots=True)
class _Read:
    animated: bool
    fingerprint: bytes


@contextmanager
def pillow_silenced() -> Iterator[None]:
    """Silences Pillow's messages about damaged files, which do not name them; also in threads started inside."""
    log = logging.getLogger("PIL")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


@pillow_silenced()
def kept_size(part: Part, largest: int) -> int:
    """Height and width at which images are kept, in pixels: the largest shorter side, but at most `largest`.

    Reads the headers of up to 1,000 images of a split, evenly spread; unreadable ones do not count.
    """
    rows = np.unique(np.linspace(0, len(part.labels) - 1, _LOOKED_AT).round().astype(int))
    most = 0
    for row in rows.tolist():
        try:
            with part.read(row) as image:
                most = max(most, min(image.size))
        except Exception:  # as in `decode`, which counts it
            continue
    return min(largest, most or largest)


@pillow_silenced()
def decode(part: Part, rows: IntArray, pixels: Pixels) -> Decoded:
    """Decodes images of a split, in as many threads as there are cores.

    Args:
        part: The split.
        rows: Positions of the images to decode, `(n,)`.
        pixels: `(n, size, size, 3)`; receives the readable images in the order of `rows`, without gaps.
    """

    def one(position: int) -> DamagedImage | _Read:
        row = int(rows[position])
        try:
            with part.read(row) as image:
                animated = image.format not in _STILL and getattr(image, "is_animated", False)
                pixels[position] = np.asarray(square(image, pixels.shape[1]))
        except UnidentifiedImageError:
            return DamagedImage(part.names[row], "no image of a known format")
        except Exception as error:  # Pillow raises anything for damaged files: struct.error, IndexError, ...
            return DamagedImage(part.names[row], str(error) or type(error).__name__)
        return _Read(animated, hashlib.blake2b(pixels[position], digest_size=_FINGERPRINT_BYTES).digest())

    run = joblib.Parallel(n_jobs=joblib.cpu_count(), require="sharedmem", batch_size=_BATCH)
    found: list[DamagedImage | _Read] = run(joblib.delayed(one)(position) for position in range(len(rows)))
    read = [(position, image) for position, image in enumerate(found) if isinstance(image, _Read)]
    for place, (position, _) in enumerate(read):
        if place != position:
            pixels[place] = pixels[position]
    kept = rows[[position for position, _ in read]] if read else rows[:0]
    return Decoded(
        kept,
        [image for image in found if isinstance(image, DamagedImage)],
        [part.names[rows[position]] for position, image in read if image.animated],
        [image.fingerprint for _, image in read],
    )
