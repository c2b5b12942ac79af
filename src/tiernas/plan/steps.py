"""Measures how long training steps of a network take, in the process that calls it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from tiernas.spaces import Architecture
from tiernas.training import ImageSet, RecipeConfig, Splits
from tiernas.training.epoch import train_epoch
from tiernas.training.evaluation import assess
from tiernas.training.images import channels_last
from tiernas.training.memory import peak_memory_mb
from tiernas.training.state import TrainingState

_TIMED = 2
"""Number of timed steps, after one that allocates memory; the fastest counts."""

_LEARNING_RATE = 1e-9
"""Weights stay as they are, whatever the recipe: made-up images teach nothing."""


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Times of a network in training.

    Attributes:
        training_image_s: Time of a training step per image, with augmentation, in s.
        evaluation_image_s: Time of an evaluation per image, in s.
        memory_mb: Peak memory of the process while it trains with whole batches, in MB (1e6 bytes).
    """

    training_image_s: float
    evaluation_image_s: float
    memory_mb: float


def time_steps(
    architecture: Architecture,
    num_classes: int,
    recipe: RecipeConfig,
    image_size: int,
    images: int,
    *,
    device: str = "cpu",
    idle_mb: float = 0.0,
) -> StepTimes:
    """Trains a network on made-up images for a few steps. A teacher, and compilation, are left out.

    Args:
        architecture: The network.
        num_classes: Number of classes.
        recipe: How to train.
        image_size: Height and width of the stored images, in pixels.
        images: Images of a step; fewer than the recipe's save time.
        device: The device to train on, as torch names it.
        idle_mb: Memory of the process before it trained anything.
    """
    made_up = _made_up(num_classes, image_size, images)
    changes = {"batch_size": images, "epochs": 1, "learning_rate": _LEARNING_RATE, "start_scale": 1.0}
    recipe, whole = recipe.model_copy(update={**changes, "teacher": None, "compile": False}), recipe.batch_size
    state = TrainingState(architecture, num_classes, recipe, torch.device(device))
    resolution = architecture.resolution
    steps = [train_epoch(state, made_up, recipe, resolution, seed=0, epoch=0) for _ in range(1 + _TIMED)]
    evaluations_s = []
    for _ in range(_TIMED):
        began_s = time.perf_counter()
        assess(state.resulting, made_up.validation, resolution, normalization=state.normalization)
        evaluations_s.append(time.perf_counter() - began_s)
    training_mb = max(0.0, peak_memory_mb(state.device) - idle_mb) * whole / images
    return StepTimes(
        min(step.duration_s for step in steps[1:]) / images, min(evaluations_s) / images, idle_mb + training_mb
    )


def _made_up(num_classes: int, image_size: int, images: int) -> Splits:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (images, 3, image_size, image_size), dtype=torch.uint8, generator=generator)
    classes = tuple(map(str, range(num_classes)))
    part = ImageSet(channels_last(pixels), torch.arange(images) % num_classes, classes)
    return Splits(part, part, part, flip_safe=True, skipped=(), digest="")
