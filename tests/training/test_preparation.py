from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from tiernas.training import RecipeConfig, Splits, normalize
from tiernas.training.preparation import make_preparation

CPU = torch.device("cpu")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_augmentation_images_are_scaled_and_normalised(digits: Splits) -> None:
    plain = make_preparation(RecipeConfig(crop_padding=0, flip=False), digits, 8)
    images = digits.train.images[:3]
    assert not plain.changes_images
    assert torch.equal(plain(images, generator(), CPU), normalize(images))


def test_timm_draws_from_the_seed_alone_and_leaves_the_generators_as_they_were(digits: Splits) -> None:
    pytest.importorskip("timm", reason="timm is not installed")
    recipe = RecipeConfig.model_validate({"preset": "paper"})
    prepare = make_preparation(recipe, digits, 16)
    images = digits.train.images[:8]
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state()  # type: ignore[index]
    first = prepare(images, generator(), CPU)
    assert first.shape == (8, 3, 16, 16)
    assert first.is_contiguous(memory_format=torch.channels_last)
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]  # type: ignore[index]
    assert torch.equal(torch.random.get_rng_state(), before[2])
    random.seed(99)
    torch.manual_seed(99)
    assert torch.equal(prepare(images, generator(), CPU), first)
    assert not torch.equal(prepare(images, generator(1), CPU), first)
