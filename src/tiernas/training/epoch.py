"""One pass over the training images."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from tiernas.errors import UsageError
from tiernas.training.errors import TrainingDiverged
from tiernas.training.group import ALONE, Group
from tiernas.training.images import Splits
from tiernas.training.mixing import Mixing
from tiernas.training.optimization import learning_rate_at
from tiernas.training.precision import autocast
from tiernas.training.preparation import make_preparation
from tiernas.training.recipe import RecipeConfig
from tiernas.training.seeding import SeedPurpose, derived_seed
from tiernas.training.state import TrainingState
from tiernas.training.teachers import Teacher, distillation_loss

_HOPELESS = 10.0
"""An epoch counts as diverged if its mean loss is this many times that of guessing, `ln(classes)` for each term."""


@dataclass(frozen=True, slots=True)
class EpochStatistics:
    """Statistics of an epoch.

    Attributes:
        loss: Mean over the images.
        accuracy: Top-1 on the images as the network saw them, in 0 ... 1; for mixed images, of their own label.
        learning_rate: Learning rate of the last step.
        duration_s: Time it took.
    """

    loss: float
    accuracy: float
    learning_rate: float
    duration_s: float


def train_epoch(
    state: TrainingState,
    splits: Splits,
    recipe: RecipeConfig,
    resolution: int,
    *,
    seed: int,
    epoch: int,
    teacher: Teacher | None = None,
    group: Group = ALONE,
) -> EpochStatistics:
    """Trains for one epoch; the result depends on the state and the arguments alone.

    Args:
        state: Changed in place.
        splits: The data; the training split is used.
        recipe: How to train.
        resolution: Size at which the network gets the images, in pixels.
        seed: Seed of the training run.
        epoch: From 0.
        teacher: The teacher whose answers are learned besides the labels.
        group: The processes that train together; this one takes its share of every batch.

    Raises:
        TrainingDiverged: A loss is infinite or not a number, the mean loss is hopeless, or a weight is not a number
            after the last step.
    """
    started_s = time.perf_counter()
    generator = torch.Generator().manual_seed(derived_seed(seed, SeedPurpose.IMAGES, epoch))
    torch.manual_seed(derived_seed(seed, SeedPurpose.LAYERS, epoch, group.rank))
    prepare = make_preparation(recipe, splits, resolution)
    mixing = Mixing(recipe.mixup_alpha, recipe.cutmix_alpha)
    train, device = splits.train, state.device
    batches = torch.randperm(len(train), generator=generator).tensor_split(steps_per_epoch(len(train), recipe))
    first_step, total_steps = epoch * len(batches), recipe.epochs * len(batches)
    if not group.is_first:  # the order above is the same in all processes, the rest is each one's own
        generator = torch.Generator().manual_seed(derived_seed(seed, SeedPurpose.IMAGES, epoch, group.rank))
    loss_sum, learning_rate = 0.0, 0.0
    correct = torch.zeros((), dtype=torch.int64, device=device)
    state.network.train()
    shares = [group.share(batch) for batch in batches]
    for step, (batch, rows, stored) in enumerate(zip(batches, shares, train.batches(shares), strict=True), first_step):
        labels = train.labels[rows].to(device)
        learning_rate = learning_rate_at(step, total_steps, recipe)
        images = prepare(stored, generator, device)
        mixed = mixing(images, generator) if mixing.changes_images else None
        images = images if mixed is None else mixed.images
        with autocast(recipe.precision, device):
            logits = state.parallel(images)
            taught = None if teacher is None else teacher.logits(images, rows).float()
        logits = logits.float()
        loss = cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        if mixed is not None:
            theirs = cross_entropy(logits, labels[mixed.others], label_smoothing=recipe.label_smoothing)
            loss = torch.lerp(theirs, loss, mixed.share)
        if teacher is not None and taught is not None:
            loss = loss + teacher.weight * distillation_loss(logits, taught, teacher.temperature)
        weight = len(rows) / len(batch)
        value = group.total(weight * loss.item(), device)
        if not math.isfinite(value):
            raise TrainingDiverged("the loss is not a finite number", epoch=epoch + 1, step=step + 1, loss=value)
        state.update(loss * (weight * group.size), learning_rate)
        loss_sum += value * len(batch)
        correct += (logits.argmax(1) == labels).sum()
    state.average_buffers(group)
    mean, last_step = loss_sum / len(train), first_step + len(batches)
    terms = 1.0 if teacher is None else 1 + teacher.weight * teacher.temperature**2
    if mean > _HOPELESS * terms * math.log(len(splits.classes)):
        what = f"the mean loss of the epoch is more than {_HOPELESS:g} times that of guessing"
        raise TrainingDiverged(what, epoch=epoch + 1, step=last_step, loss=mean)
    if not state.is_finite():
        raise TrainingDiverged("a weight is not a finite number", epoch=epoch + 1, step=last_step, loss=mean)
    accuracy = group.total(float(correct), device) / len(train)
    return EpochStatistics(mean, accuracy, learning_rate, time.perf_counter() - started_s)


def require_batch(images: int, recipe: RecipeConfig) -> None:
    """Refuses a batch size that exceeds the number of training images.

    Raises:
        UsageError: It is larger than the training split.
    """
    if recipe.batch_size > images:
        raise UsageError(
            f"recipe.batch_size = {recipe.batch_size}: there are only {images} training images; allowed: 4 to "
            f"{images}. Lower it, and recipe.learning_rate in proportion"
        )


def steps_per_epoch(images: int, recipe: RecipeConfig) -> int:
    """Steps of one epoch. All but one have the same number of images, at most `batch_size` and never just one."""
    return math.ceil(images / recipe.batch_size)
