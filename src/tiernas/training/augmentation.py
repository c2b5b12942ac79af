"""Random shifts, mirroring and erasing of a whole batch at once, on uint8 pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from tiernas.training.preprocessing import IMAGE_MEAN

_ERASED_AREA = (0.02, 1 / 3)
_ERASED_ASPECT = 1 / 0.3
"""Fraction of the image that is erased, and the largest aspect ratio of the rectangle, in either direction (random
erasing, arXiv 1708.04896)."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Augmentation of training images.

    Attributes:
        crop_padding: Largest shift, as a fraction of the image size; rounded to whole pixels.
        flip: Whether each image is mirrored left to right with probability 1/2.
        erase_probability: Probability that a rectangle of an image is filled with the mean color.
    """

    crop_padding: float = 0.0
    flip: bool = False
    erase_probability: float = 0.0

    @property
    def changes_images(self) -> bool:
        """Whether images may be changed at all."""
        return bool(self.crop_padding or self.flip or self.erase_probability)

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        """Augments `(n, 3, size, size)` uint8 images; the given tensor is not modified."""
        if self.crop_padding or self.flip:
            images = self._shift_and_flip(images, generator)
        if self.erase_probability:
            images = self._erase(images, generator)
        return images

    def _shift_and_flip(self, images: Tensor, generator: Generator) -> Tensor:
        n, channels, size, _ = images.shape
        reach = round(self.crop_padding * size)
        shifts = torch.randint(-reach, reach + 1, (2, n, 1), generator=generator)
        rows, columns = _mirrored_into(torch.arange(size) + shifts, size)
        if self.flip:
            flipped = torch.rand(n, 1, generator=generator) < 0.5
            columns = torch.where(flipped, columns.flip(1), columns)
        pixels = images.permute(0, 2, 3, 1).reshape(-1, channels)
        wanted = (torch.arange(n).view(n, 1, 1) * size + rows.unsqueeze(2)) * size + columns.unsqueeze(1)
        picked = pixels.index_select(0, wanted.flatten())
        return picked.view(n, size, size, channels).permute(0, 3, 1, 2)

    def _erase(self, images: Tensor, generator: Generator) -> Tensor:
        n, _, size, _ = images.shape
        chance, share, aspect, top, left = torch.rand(5, n, 1, generator=generator)
        area = _ERASED_AREA[0] + (_ERASED_AREA[1] - _ERASED_AREA[0]) * share
        aspect = (math.log(_ERASED_ASPECT) * (2 * aspect - 1)).exp()
        height = (area * aspect).sqrt().clamp(max=1) * size
        width = (area / aspect).sqrt().clamp(max=1) * size
        pixel = torch.arange(size)
        top, left = top * (size - height), left * (size - width)
        in_rows = (pixel >= top) & (pixel < top + height)
        in_columns = (pixel >= left) & (pixel < left + width)
        chosen = (chance < self.erase_probability).unsqueeze(2)
        erased = (chosen & in_rows.unsqueeze(2) & in_columns.unsqueeze(1)).unsqueeze(1)
        mean = torch.tensor([round(255 * m) for m in IMAGE_MEAN], dtype=torch.uint8).view(1, 3, 1, 1)
        return torch.where(erased, mean, images)


def _mirrored_into(positions: Tensor, size: int) -> Tensor:
    """Positions at most `size - 1` outside of 0 ... size - 1, reflected into it at the borders."""
    inside = positions.abs()
    return torch.where(inside < size, inside, 2 * (size - 1) - inside)
