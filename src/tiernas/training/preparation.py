"""From stored training images to the input of a network: augmented, scaled, normalized."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor

from tiernas.errors import NotInstalledError
from tiernas.networks.normalization import Normalization
from tiernas.training.augmentation import Augmentation
from tiernas.training.images import Splits, channels_last
from tiernas.training.preprocessing import normalize, resize
from tiernas.training.recipe import RecipeConfig

_CROP_RATIO = (3 / 4, 4 / 3)
"""Range of aspect ratios of a crop (Szegedy et al., arXiv 1409.4842; default of torchvision and timm)."""


class Preparation(Protocol):
    """Draws the augmentation of a batch."""

    @property
    def changes_images(self) -> bool:
        """Whether an image looks different every time."""
        ...

    def __call__(self, images: Tensor, generator: Generator, device: torch.device) -> Tensor:
        """`(n, 3, size, size)` uint8 to `(n, 3, resolution, resolution)` float32 on the device, normalized."""
        ...


def make_preparation(recipe: RecipeConfig, splits: Splits, resolution: int) -> Preparation:
    """The preparation of a data set's training images by the recipe, for a network's resolution.

    Raises:
        NotInstalledError: The recipe needs timm's augmentation and timm is not installed.
    """
    flip = splits.flip_safe if recipe.flip is None else recipe.flip
    if recipe.crop_scale is None:
        augmentation = Augmentation(recipe.crop_padding, flip, recipe.erase_probability)
        return _Batchwise(augmentation, resolution, recipe.normalization)
    return _Timm(recipe, flip, resolution)


class _Batchwise:
    """Shifts, mirroring and erasing of a whole batch at once, at almost no cost."""

    def __init__(self, augmentation: Augmentation, resolution: int, normalization: Normalization) -> None:
        self._augmentation = augmentation
        self._resolution = resolution
        self._normalization = normalization

    @property
    def changes_images(self) -> bool:
        return self._augmentation.changes_images

    def __call__(self, images: Tensor, generator: Generator, device: torch.device) -> Tensor:
        changed = self._augmentation(resize(images, self._resolution), generator)
        return normalize(changed.to(device), self._normalization)


class _Timm:
    """timm's training transforms: random crops, mirroring, RandAugment, random erasing; one image at a time."""

    changes_images = True

    def __init__(self, recipe: RecipeConfig, flip: bool, resolution: int) -> None:
        try:
            from timm.data.transforms_factory import create_transform
        except ImportError as error:
            raise NotInstalledError("timm, which recipe.crop_scale and the preset paper need,", "rivals") from error
        self._transform: Any = create_transform(
            resolution,
            is_training=True,
            scale=recipe.crop_scale,
            ratio=_CROP_RATIO,
            hflip=0.5 if flip else 0.0,
            color_jitter=0.0,
            auto_augment=recipe.auto_augment,
            interpolation="random",
            mean=recipe.input_mean,
            std=recipe.input_std,
            re_prob=recipe.erase_probability,
            re_mode="pixel",
        )

    def __call__(self, images: Tensor, generator: Generator, device: torch.device) -> Tensor:
        seed = int(torch.randint(2**31, (1,), generator=generator))
        with _seeded(seed):
            pixels = images.permute(0, 2, 3, 1).numpy()
            changed = [self._transform(Image.fromarray(np.ascontiguousarray(image))) for image in pixels]
        return channels_last(torch.stack(changed).to(device))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seeds the three global generators that timm draws from, and restores them afterwards."""
    python, legacy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
