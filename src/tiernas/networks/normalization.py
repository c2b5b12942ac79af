"""What pixels become before a network sees them, where nothing else is said."""

from __future__ import annotations

from collections.abc import Iterable

Rgb = tuple[float, float, float]
"""A number for each of red, green and blue."""

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue in 0 ... 1, subtracted from every pixel (ImageNet's, as in torchvision and timm)."""

IMAGE_STD = (0.229, 0.224, 0.225)
"""What pixels are divided by afterwards (ImageNet's, as in torchvision and timm)."""


def rgb(values: Iterable[float]) -> Rgb:
    """Three numbers as such.

    Raises:
        TypeError: They are no numbers.
        ValueError: They are not three, or no numbers.
    """
    red, green, blue = (float(value) for value in values)
    return red, green, blue
