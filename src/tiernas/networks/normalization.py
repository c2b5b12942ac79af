"""The default normalization of pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Rgb = tuple[float, float, float]
"""One number each for red, green and blue."""

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue in 0 to 1, subtracted from every pixel (ImageNet's, as in torchvision and timm)."""

IMAGE_STD = (0.229, 0.224, 0.225)
"""Standard deviation, by which the difference is divided (ImageNet's, as in torchvision and timm)."""


@dataclass(frozen=True, slots=True)
class Normalization:
    """Mean and standard deviation that normalize pixels in 0 to 1.

    Attributes:
        mean: Mean of red, green and blue, which is subtracted.
        std: Standard deviation, by which the difference is divided.
    """

    mean: Rgb = IMAGE_MEAN
    std: Rgb = IMAGE_STD


IMAGENET = Normalization()


def rgb(values: Iterable[float]) -> Rgb:
    """Three numbers, checked and converted to floats.

    Raises:
        TypeError: A value is not a number.
        ValueError: There are not three values, or one is not a number.
    """
    red, green, blue = (float(value) for value in values)
    return red, green, blue
