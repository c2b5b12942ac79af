"""Image files to arrays of one size."""

from __future__ import annotations

from dataclasses import dataclass

import joblib  # type: ignore[import-untyped]
import numpy as np
from PIL import UnidentifiedImageError

from tiernas.standalone.preprocessing import Pixels, square
from tiernas.training.sources import Part
from tiernas.training.sources.source import IntArray

_LOOKED_AT = 1000
"""Images whose size is read to know the largest; reads a few bytes of each."""

_BATCH = 32
"""Images that a thread takes at a time, so that handing them out costs nothing."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """An image that cannot be read."""

    name: str
    reason: str


def kept_size(part: Part, largest: int) -> int:
    """Height and width at which images are kept, in pixels: the largest shorter side, but at most `largest`.

    Looks at the headers of up to 1,000 images of a part, evenly spread; those that cannot be read do not count.
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


def decode(part: Part, rows: IntArray, pixels: Pixels) -> tuple[IntArray, list[Damaged]]:
    """Decodes some images of a part, in as many threads as there are cores.

    Args:
        part: The images.
        rows: Positions of the images that are wanted, `(n,)`.
        pixels: `(n, size, size, 3)`; takes the images that could be read, in the order of `rows`, one after the other.

    Returns:
        The rows that could be read, `(m,)` for the first `m` of `pixels`, and the images that could not.
    """

    def one(position: int) -> Damaged | None:
        row = int(rows[position])
        try:
            pixels[position] = np.asarray(square(part.read(row), pixels.shape[1]))
        except UnidentifiedImageError:
            return Damaged(part.names[row], "no image of a known format")
        except Exception as error:  # for damaged files Pillow's formats raise anything: struct.error, IndexError, ...
            return Damaged(part.names[row], str(error) or type(error).__name__)
        return None

    run = joblib.Parallel(n_jobs=joblib.cpu_count(), require="sharedmem", batch_size=_BATCH)
    found = run(joblib.delayed(one)(position) for position in range(len(rows)))
    good = np.array([damaged is None for damaged in found], dtype=bool)
    for place, position in enumerate(np.flatnonzero(good).tolist()):
        if place != position:
            pixels[place] = pixels[position]
    return rows[good], [damaged for damaged in found if damaged is not None]
