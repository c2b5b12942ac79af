"""Image files to what a network takes, as in its training; needs numpy and Pillow alone.

This file is part of tiernas and of every network that it exports, so that both do the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

Pixels = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]


def square(image: Image.Image, size: int) -> Image.Image:
    """An RGB image of `size x size` pixels: shorter side scaled (bicubic), longer side cut around its centre.

    Args:
        image: An image as Pillow opened it; closed afterwards.
        size: Height and width, in pixels.

    Raises:
        OSError, SyntaxError, ValueError, Image.DecompressionBombError: Pillow cannot decode it.
    """
    with image:
        image.draft("RGB", (2 * size, 2 * size))  # large JPEGs are decoded at a fraction of their size
        upright = ImageOps.exif_transpose(image)
        return ImageOps.fit(upright.convert("RGB"), (size, size), Image.Resampling.BICUBIC)


def network_input(pixels: Pixels, resolution: int, mean: Sequence[float], std: Sequence[float]) -> FloatArray:
    """Square images as a network takes them: scaled (bilinear), divided by 255, normalised.

    Args:
        pixels: `(n, size, size, 3)`, RGB, as `square` gives them.
        resolution: Height and width that the network takes, in pixels.
        mean: Of red, green and blue in 0 ... 1, subtracted.
        std: What is divided by afterwards.

    Returns:
        `(n, 3, resolution, resolution)`.
    """
    if pixels.shape[1] != resolution:
        pixels = np.stack([_scaled(one, resolution) for one in pixels])
    means, stds = (np.asarray(values, dtype=np.float32) * np.float32(255) for values in (mean, std))
    return np.ascontiguousarray(((pixels.astype(np.float32) - means) * (1 / stds)).transpose(0, 3, 1, 2))


def _scaled(pixels: Pixels, resolution: int) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((resolution, resolution), Image.Resampling.BILINEAR))
