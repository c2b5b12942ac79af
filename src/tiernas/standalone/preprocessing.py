"""From image files to the input of a network by the rules of docs/data.md, as in training; needs numpy and Pillow.

This file is part of tiernas and of every exported network, so that both do the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

Pixels = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

_WHITE = 255
"""The background of transparent images."""

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")

_SIXTEEN_BIT_IN_32 = ("PNG", "PPM")
"""Formats whose 16-bit gray Pillow returns as 32-bit integers, scaled to 0 ... 65535."""

_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0
"""Tags of TIFF 6.0, and the value that swaps black and white."""


def square(image: Image.Image, size: int, interpolation: str = "bicubic") -> Image.Image:
    """An RGB image of `size x size` pixels: shorter side scaled, longer side cropped around its center.

    Args:
        image: An image as opened by Pillow; closed afterwards.
        size: Height and width, in pixels.
        interpolation: How it is scaled, as named by Pillow.

    Raises:
        Exception: Pillow cannot decode it (its formats raise nearly anything), or ValueError from `upright_rgb`.
    """
    with image:
        image.draft("RGB", (2 * size, 2 * size))  # large JPEGs are decoded at a fraction of their size
        return ImageOps.fit(upright_rgb(image), (size, size), Image.Resampling[interpolation.upper()])


def upright_rgb(image: Image.Image) -> Image.Image:
    """An image as 8-bit RGB, rotated and mirrored by its EXIF orientation, with transparency on white.

    Args:
        image: As returned by `Image.open`. Of an animation the first frame is used.

    Raises:
        ValueError: Its gray values have 32 bits, or are floating-point numbers outside 0 to 1: which values are black
            and white is unknown.
    """
    source, tags = image.format, dict(getattr(image, "tag_v2", {}))  # a copy of the image has neither
    upright = ImageOps.exif_transpose(image)
    if upright.mode in (*_SIXTEEN_BIT, "I", "F"):
        upright = _eight_bit(upright, source, tags)
    if upright.has_transparency_data:
        opaque = Image.new("RGBA", upright.size, (_WHITE, _WHITE, _WHITE, 255))
        upright = Image.alpha_composite(opaque, _with_alpha(upright))
    return upright.convert("RGB")


def network_input(
    pixels: Pixels, resolution: int, mean: Sequence[float], std: Sequence[float], interpolation: str = "bilinear"
) -> FloatArray:
    """Square images as the input of a network: scaled, divided by 255, normalized.

    Args:
        pixels: `(n, size, size, 3)`, RGB, as returned by `square`.
        resolution: Input height and width of the network, in pixels.
        mean: Mean of red, green and blue in 0 ... 1, subtracted.
        std: Divisor after that.
        interpolation: How they are scaled, as named by Pillow.

    Returns:
        `(n, 3, resolution, resolution)`.
    """
    if pixels.shape[1] != resolution:
        how = Image.Resampling[interpolation.upper()]
        scaled = [Image.fromarray(one).resize((resolution, resolution), how) for one in pixels]
        pixels = np.stack([np.asarray(one) for one in scaled])
    means, stds = (np.asarray(values, dtype=np.float32) * np.float32(255) for values in (mean, std))
    return np.ascontiguousarray(((pixels.astype(np.float32) - means) * (1 / stds)).transpose(0, 3, 1, 2))


def _with_alpha(image: Image.Image) -> Image.Image:
    straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode)  # the only conversion of premultiplied colors in Pillow
    return (image if straight is None else image.convert(straight)).convert("RGBA")


def _eight_bit(image: Image.Image, source: str | None, tags: Mapping[int, Any]) -> Image.Image:
    """Gray of more than 8 bits as L, or as LA if one of its values means transparent."""
    values = np.asarray(image)
    shown = _white_is_one(values, image.mode, source, tags)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        shown = 1 - shown
    grey = Image.fromarray(np.round(255 * shown).astype(np.uint8))
    if "transparency" in image.info:
        opaque = values != image.info["transparency"]
        grey.putalpha(Image.fromarray(np.where(opaque, 255, 0).astype(np.uint8)))
    return grey


def _white_is_one(
    values: npt.NDArray[Any], mode: str, source: str | None, tags: Mapping[int, Any]
) -> npt.NDArray[np.float64]:
    if mode in _SIXTEEN_BIT or (mode == "I" and source in _SIXTEEN_BIT_IN_32):
        (bits,) = tags.get(_BITS_PER_SAMPLE, (16,))  # TIFF has 12 bits too
        return values / float(2**bits - 1)
    if mode == "I":
        raise ValueError("its gray values have 32 bits, so which is white is unknown; save it with 8 or 16 bits")
    if not ((values >= 0) & (values <= 1)).all():  # also false for NaN
        raise ValueError(
            f"its floating-point values go from {values.min():g} to {values.max():g}, so which is white is unknown; "
            "scale them to 0 (black) to 1 (white), or save it with 8 bits"
        )
    return values.astype(np.float64)
