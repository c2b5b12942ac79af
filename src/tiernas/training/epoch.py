"""One pass over the training images."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import cross_entropy

from tiernas.training.augmentation import Augmentation
from tiernas.training.errors import TrainingDiverged
from tiernas.training.images import Splits
from tiernas.training.optimization import learning_rate_at
from tiernas.training.preprocessing import normalize, resize
from tiernas.training.recipe import RecipeConfig
from tiernas.training.seeding import Purpose, derived_seed
from tiernas.training.state import TrainingState

_HOPELESS = 10.0
"""An epoch whose mean loss is this many times that of guessing, `ln(classes)`, counts as diverged."""


def train_epoch(
    state: TrainingState, splits: Splits, recipe: RecipeConfig, resolution: int, *, seed: int, epoch: int
) -> float:
    """Trains for one epoch; what it does follows from the state and its arguments alone.

    Args:
        state: Changed in place.
        splits: The training part is used.
        recipe: How to train.
        resolution: Size that the network takes, in pixels.
        seed: Of the training.
        epoch: From 0.

    Returns:
        The mean loss over the images.

    Raises:
        TrainingDiverged: A loss that is infinite or no number, a mean loss that is hopeless, or a weight that is no
            number after the last step.
    """
    generator = torch.Generator().manual_seed(derived_seed(seed, Purpose.IMAGES, epoch))
    torch.manual_seed(derived_seed(seed, Purpose.LAYERS, epoch))
    flip = splits.flip_safe if recipe.flip is None else recipe.flip
    augment = Augmentation(recipe.crop_padding, flip, recipe.erase_probability)
    train, device = splits.train, state.device
    batches = torch.randperm(len(train), generator=generator).tensor_split(steps_per_epoch(len(train), recipe))
    first_step, total_steps = epoch * len(batches), recipe.epochs * len(batches)
    loss_sum = 0.0
    state.network.train()
    for step, rows in enumerate(batches, start=first_step):
        pixels = augment(resize(train.images[rows], resolution), generator)
        logits = state.network(normalize(pixels.to(device)))
        loss = cross_entropy(logits, train.labels[rows].to(device), label_smoothing=recipe.label_smoothing)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingDiverged("the loss is no finite number", epoch=epoch + 1, step=step + 1, loss=value)
        loss.backward()  # type: ignore[no-untyped-call]
        state.update(learning_rate_at(step, total_steps, recipe))
        loss_sum += value * len(rows)
    mean, last_step = loss_sum / len(train), first_step + len(batches)
    if mean > _HOPELESS * math.log(len(splits.classes)):
        what = f"the mean loss of the epoch is more than {_HOPELESS:g} times that of guessing"
        raise TrainingDiverged(what, epoch=epoch + 1, step=last_step, loss=mean)
    if not state.is_finite():
        raise TrainingDiverged("a weight is no finite number", epoch=epoch + 1, step=last_step, loss=mean)
    return mean


def steps_per_epoch(images: int, recipe: RecipeConfig) -> int:
    """Steps of one epoch. All take equally many images but for one, at most `batch_size` and never a single one."""
    return math.ceil(images / recipe.batch_size)
