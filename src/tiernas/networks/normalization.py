"""What pixels become before a network sees them, where nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue in 0 ... 1, subtracted from every pixel (ImageNet's, as in torchvision and timm)."""

IMAGE_STD = (0.229, 0.224, 0.225)
"""What pixels are divided by afterwards (ImageNet's, as in torchvision and timm)."""


@dataclass(frozen=True, slots=True)
class Normalization:
    """What is done to pixels in 0 to 1.

    Attributes:
        mean: Mean of red, green and blue that is subtracted.
        std: What they are divided by afterwards.
    """

    mean: tuple[float, float, float] = IMAGE_MEAN
    std: tuple[float, float, float] = IMAGE_STD


IMAGENET = Normalization()
