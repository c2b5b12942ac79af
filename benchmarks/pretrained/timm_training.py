"""Trains a network of timm from random weights with the training loop of tiernas."""

from __future__ import annotations

import timm
import torch
from torch import nn

from tiernas.training import RecipeConfig, Splits
from tiernas.training.epoch import train_epoch
from tiernas.training.optimization import make_average, make_optimizer
from tiernas.training.seeding import SeedPurpose, derived_seed
from tiernas.training.state import TrainingState


class TimmState(TrainingState):
    """The training state of a network that is not described by an architecture."""

    def __init__(self, network: nn.Module, recipe: RecipeConfig) -> None:
        self.device = torch.device("cpu")
        self.normalization = recipe.normalization
        self.network = network.to(memory_format=torch.channels_last)
        self.optimizer = make_optimizer(self.network, recipe)
        self.average = make_average(self.network, recipe.ema_decay)
        self.scaler = None
        self.parallel = self.network


def trained_timm(name: str, splits: Splits, recipe: RecipeConfig, resolution: int, seed: int) -> nn.Module:
    """A network after all epochs of a recipe, in evaluation mode.

    Args:
        name: Its name in timm.
        splits: The images.
        recipe: How to train, without a start.
        resolution: Resolution of the images, in pixels.
        seed: Seed of weights, order and augmentation.
    """
    torch.manual_seed(derived_seed(seed, SeedPurpose.WEIGHTS))
    state = TimmState(timm.create_model(name, num_classes=len(splits.classes), exportable=True), recipe)
    for epoch in range(recipe.epochs):
        train_epoch(state, splits, recipe, resolution, seed=seed, epoch=epoch)
    return state.resulting.eval()
