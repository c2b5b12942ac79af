"""Image files to arrays of one size."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps

from tiernas.errors import UsageError
from tiernas.training.images import ImageSet, channels_last
from tiernas.training.sources import Part
from tiernas.training.sources.source import IntArray

DAMAGED = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for files that it cannot decode: truncated or unknown (OSError), a broken PNG chunk
(SyntaxError), sizes and modes that make no sense (ValueError), more pixels than any photo has."""

_NAMED_IN_LOG = 5

_log = logging.getLogger(__name__)


def decode(
    part: Part, rows: IntArray, classes: tuple[str, ...], size: int, on_corrupt: Literal["skip", "refuse"]
) -> tuple[ImageSet, tuple[str, ...]]:
    """Decodes some images of a part.

    Args:
        part: The images.
        rows: Positions of the images that are wanted, `(n,)`.
        classes: Names of the classes.
        size: Height and width of the result, in pixels.
        on_corrupt: Whether to leave out images that cannot be read, or to refuse them.

    Returns:
        The images that could be read, in the order of `rows`, and the names of the others.

    Raises:
        UsageError: An image cannot be read and `on_corrupt` is "refuse".
    """
    pixels = np.empty((len(rows), size, size, 3), dtype=np.uint8)
    kept: list[int] = []
    skipped: list[str] = []
    for row in rows.tolist():
        try:
            pixels[len(kept)] = np.asarray(_square(part.read(row), size))
        except DAMAGED as error:
            if on_corrupt == "refuse":
                raise UsageError(
                    f"data: image {part.names[row]!r} cannot be read ({error}); remove or replace it, "
                    'or set data.on_corrupt = "skip"'
                ) from error
            skipped.append(part.names[row])
        else:
            kept.append(row)
    if skipped:
        shown = ", ".join(skipped[:_NAMED_IN_LOG]) + (", ..." if len(skipped) > _NAMED_IN_LOG else "")
        _log.warning("skipped %d of %d images that cannot be read: %s", len(skipped), len(rows), shown)
    images = channels_last(torch.from_numpy(pixels[: len(kept)]).permute(0, 3, 1, 2))
    return ImageSet(images, torch.from_numpy(part.labels[kept]), classes), tuple(skipped)


def _square(image: Image.Image, size: int) -> Image.Image:
    """An RGB image of `size x size` pixels: shorter side scaled, longer side cut around its centre."""
    with image:
        image.draft("RGB", (2 * size, 2 * size))  # large JPEGs are decoded at a fraction of their size
        upright = ImageOps.exif_transpose(image)
        return ImageOps.fit(upright.convert("RGB"), (size, size), Image.Resampling.BICUBIC)
