"""Random changes of training images with their boxes, by torchvision's transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from tiernas.detection.detector import Target
from tiernas.detection.recipe import DetectionRecipe

_LARGEST_FACTOR = 2.0
"""Largest factor by which an image is made smaller; SSD's 4 (arXiv 1512.02325, section 3.6) suits larger images."""


class BoxAugmentation:
    """Changes images one by one; random numbers come from torch's global generator.

    Args:
        recipe: Which changes.
        image_size: Height and width of the images, which they keep.
    """

    def __init__(self, recipe: DetectionRecipe, image_size: tuple[int, int]) -> None:
        self._size = image_size
        changes: list[Any] = []
        if recipe.color:
            changes.append(v2.RandomPhotometricDistort(p=0.5))
        if recipe.crop:
            changes += [
                v2.RandomZoomOut(fill=_gray(recipe), side_range=(1.0, _LARGEST_FACTOR), p=0.5),
                v2.RandomIoUCrop(),
                v2.Resize(image_size, antialias=True),
            ]
        if recipe.flip:
            changes.append(v2.RandomHorizontalFlip())
        if recipe.vertical_flip:
            changes.append(v2.RandomVerticalFlip())
        if recipe.crop:
            changes.append(v2.SanitizeBoundingBoxes(min_size=1.0))
        self._change = v2.Compose(changes) if changes else None

    def __call__(self, images: Tensor, targets: Sequence[Target]) -> tuple[Tensor, list[Target]]:
        """Changed copies of a batch.

        Args:
            images: `(n, 3, height, width)` uint8.
            targets: What each image shows.
        """
        if self._change is None:
            return images, list(targets)
        changed: list[Tensor] = []
        shown: list[Target] = []
        for image, target in zip(images, targets, strict=True):
            boxes = tv_tensors.BoundingBoxes(target["boxes"], format="XYXY", canvas_size=self._size)
            found, now = self._change(tv_tensors.Image(image), {"boxes": boxes, "labels": target["labels"]})
            changed.append(found.as_subclass(Tensor))
            shown.append({"boxes": now["boxes"].as_subclass(Tensor), "labels": now["labels"]})
        return torch.stack(changed), shown


def _gray(recipe: DetectionRecipe) -> list[float]:
    """The mean color, which is zero once normalized."""
    return [255 * value for value in recipe.input_mean]
