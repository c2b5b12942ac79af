"""Stored images to what a network takes; whoever deploys a network must do the same."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from tiernas.training.images import channels_last

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue in 0 ... 1, subtracted from every pixel (ImageNet's, as in torchvision and timm)."""

IMAGE_STD = (0.229, 0.224, 0.225)
"""What pixels are divided by afterwards (ImageNet's, as in torchvision and timm)."""


def resize(images: Tensor, resolution: int) -> Tensor:
    """`(n, 3, size, size)` uint8 images scaled to `(n, 3, resolution, resolution)`, bilinear with antialiasing."""
    if images.shape[-1] == resolution:
        return images
    return interpolate(images, size=(resolution, resolution), mode="bilinear", antialias=True)


def normalize(images: Tensor) -> Tensor:
    """`(n, 3, h, w)` uint8 images as float32, mean subtracted and divided by the standard deviation."""
    mean = torch.tensor(IMAGE_MEAN, device=images.device).view(1, 3, 1, 1) * 255
    scale = 1 / (torch.tensor(IMAGE_STD, device=images.device).view(1, 3, 1, 1) * 255)
    return channels_last(images).float().sub_(mean).mul_(scale)
