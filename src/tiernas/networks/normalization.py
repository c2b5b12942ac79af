"""The default normalization of pixels."""

from __future__ import annotations

from dataclasses import dataclass

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue in 0 ... 1, subtracted from every pixel (ImageNet's, as in torchvision and timm)."""

IMAGE_STD = (0.229, 0.224, 0.225)
"""Standard deviation, by which the difference is divided (ImageNet's, as in torchvision and timm)."""


@dataclass(frozen=True, slots=True)
class Normalization:
    """Mean and standard deviation that normalize pixels in 0 to 1.

    Attributes:
        mean: Mean of red, green and blue, which is subtracted.
        std: Standard deviation, by which the difference is divided.
    """

    mean: tuple[float, float, float] = IMAGE_MEAN
    std: tuple[float, float, float] = IMAGE_STD


IMAGENET = Normalization()
