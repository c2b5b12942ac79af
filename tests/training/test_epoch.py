from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from tiernas.spaces import Architecture
from tiernas.training import RecipeConfig, Splits, normalize, resize
from tiernas.training.epoch import train_epoch
from tiernas.training.state import TrainingState


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_the_loss_spreads_the_smoothing_over_all_classes(digits: Splits, tiny: Architecture, smoothing: float) -> None:
    recipe = RecipeConfig(epochs=1, batch_size=len(digits.train), flip=False, crop_padding=0, label_smoothing=smoothing)
    torch.manual_seed(0)
    state = TrainingState(tiny, 10, recipe, torch.device("cpu"))
    with torch.no_grad():
        for parameter in state.network.parameters():  # it begins as one that finds all classes equally likely
            parameter.add_(0.1 * torch.randn_like(parameter))
        images = normalize(resize(digits.train.images, tiny.resolution))
        logarithms = deepcopy(state.network).train()(images).log_softmax(dim=1)
    assert logarithms.std() > 0.1
    wanted = torch.full((len(digits.train), 10), smoothing / 10)
    wanted[torch.arange(len(digits.train)), digits.train.labels] += 1 - smoothing
    by_hand = -(wanted * logarithms).sum(dim=1).mean()
    found = train_epoch(state, digits, recipe, tiny.resolution, seed=0, epoch=0)
    assert found.loss == pytest.approx(float(by_hand), rel=1e-4)
