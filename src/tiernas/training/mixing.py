"""Mixup and CutMix: every image of a batch is mixed with another one, and so are their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

_CUTMIX_SHARE = 0.5
"""Fraction of the batches that use CutMix if both are enabled (DeiT, arXiv 2012.12877)."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """A batch whose images are mixed in pairs.

    Attributes:
        images: `(n, 3, size, size)`.
        others: For each image the row of the one mixed into it (`n`).
        share: Fraction of an image that is its own; also the weight of its own label in the loss.
    """

    images: Tensor
    others: Tensor
    share: float


@dataclass(frozen=True, slots=True)
class Mixing:
    """How the images of a batch are mixed; the fraction of an image that stays is drawn anew for each batch.

    Attributes:
        mixup_alpha: The fraction is drawn from Beta(alpha, alpha) and two images are blended (arXiv 1710.09412); 0:
            never.
        cutmix_alpha: Likewise, and a rectangle of one image is pasted into another (arXiv 1905.04899); 0: never.
    """

    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0

    @property
    def changes_images(self) -> bool:
        """Whether images may be changed at all."""
        return bool(self.mixup_alpha or self.cutmix_alpha)

    def __call__(self, images: Tensor, generator: Generator) -> Mixed:
        """Mixes each of `(n, 3, size, size)` images with its counterpart in the reversed batch."""
        n, _, height, width = images.shape
        draw = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
        cut = draw.random() < (_CUTMIX_SHARE if self.mixup_alpha and self.cutmix_alpha else bool(self.cutmix_alpha))
        alpha = self.cutmix_alpha if cut else self.mixup_alpha
        share = float(draw.beta(alpha, alpha))
        others = torch.arange(n - 1, -1, -1)
        if not cut:
            return Mixed(images.lerp(images.flip(0), 1 - share), others, share)
        rows, columns = (_cut(size, share, int(draw.integers(size))) for size in (height, width))
        mixed = images.clone()
        mixed[:, :, rows, columns] = images.flip(0)[:, :, rows, columns]
        pasted = (rows.stop - rows.start) * (columns.stop - columns.start)
        return Mixed(mixed, others, 1 - pasted / (height * width))


def _cut(size: int, share: float, middle: int) -> slice:
    """The rows, or columns, of a rectangle around a pixel that leaves a fraction of the image; clipped at borders."""
    half = round(size * (1 - share) ** 0.5) // 2
    return slice(max(middle - half, 0), min(middle + half, size))
