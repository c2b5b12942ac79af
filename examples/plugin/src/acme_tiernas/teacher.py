"""The teacher `acme-nearest-mean`: an image belongs to the class whose mean training image is nearest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from acme_tiernas.data import read_part
from tiernas.errors import UsageError
from tiernas.training import IMAGE_MEAN, IMAGE_STD


class NearestMean(nn.Module):
    """From images to logits: the distance of an image to the mean of each class.

    Args:
        means: The mean images, normalized as for students (`classes x 3 x height x width`).
        sharpness: The factor on the mean squared difference of two pixels.
    """

    means: Tensor

    def __init__(self, means: Tensor, sharpness: float) -> None:
        super().__init__()
        self.register_buffer("means", means)
        self.sharpness = sharpness

    def forward(self, images: Tensor) -> Tensor:
        *_, height, width = self.means.shape
        pooled = adaptive_avg_pool2d(images, (height, width))
        return -self.sharpness * (pooled[:, None] - self.means).square().mean((2, 3, 4))


def nearest_mean(num_classes: int, path: Path, sharpness: Annotated[float, Field(gt=0)] = 10.0) -> nn.Module:
    """The teacher from a file for `acme-arrays`.

    Args:
        num_classes: The number of classes of the data; the only argument that tiernas passes.
        path: The file; `recipe.teacher.path` of a TOML file.
        sharpness: See `NearestMean`; set in `recipe.teacher.options`.

    Raises:
        UsageError: The file has no training images.
    """
    found = read_part(path, "train")
    if found is None:
        raise UsageError(f"recipe.teacher.path = {str(path)!r}: has no train_images; give the file of the data")
    images, labels = (torch.from_numpy(array) for array in found)
    colours = images if images.ndim == 4 else images[..., None].expand(-1, -1, -1, 3)
    means = torch.stack([colours[labels == label].float().mean(0) for label in range(num_classes)]) / 255
    normalised = (means - torch.tensor(IMAGE_MEAN)) / torch.tensor(IMAGE_STD)
    return NearestMean(normalised.permute(0, 3, 1, 2), sharpness)
