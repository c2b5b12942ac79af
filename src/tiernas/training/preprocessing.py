"""From stored images to the input of a network; a deployed network needs the same steps."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from tiernas.networks.normalization import IMAGE_MEAN as IMAGE_MEAN
from tiernas.networks.normalization import IMAGE_STD as IMAGE_STD
from tiernas.networks.normalization import IMAGENET, Normalization
from tiernas.training.images import channels_last


def resize(images: Tensor, resolution: int) -> Tensor:
    """`(n, 3, size, size)` uint8 images scaled to `(n, 3, resolution, resolution)`, bilinear with antialiasing."""
    if images.shape[-1] == resolution:
        return images
    return interpolate(images, size=(resolution, resolution), mode="bilinear", antialias=True)


def normalize(images: Tensor, normalization: Normalization = IMAGENET) -> Tensor:
    """`(n, 3, h, w)` uint8 images as float32, minus the mean and divided by the standard deviation."""
    mean = torch.tensor(normalization.mean, device=images.device).view(1, 3, 1, 1) * 255
    scale = 1 / (torch.tensor(normalization.std, device=images.device).view(1, 3, 1, 1) * 255)
    return channels_last(images).float().sub_(mean).mul_(scale)
