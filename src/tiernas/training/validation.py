"""Accuracy of a network in training: a glance after every epoch, all validation images at the end."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tiernas.training.evaluation import Accuracy, accuracy_of, predict
from tiernas.training.group import Group
from tiernas.training.images import Splits
from tiernas.training.splitting import stratified
from tiernas.training.state import TrainingState

_GLANCE = 10
"""A glance looks at so many times fewer images than an epoch trains on. An image costs about a third of a training
step's there, so glances make a training at most 3 % longer."""

_SEED = 0
"""Fixed, so that all candidates of a study are compared on the same images."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What a validation found.

    Attributes:
        accuracy: The same in all processes.
        duration_s: Time it took.
    """

    accuracy: Accuracy
    duration_s: float


def validate(state: TrainingState, splits: Splits, resolution: int, group: Group, *, whole: bool) -> Validation:
    """Evaluates the network that is kept on the validation part; the first process does, the others learn of it.

    Args:
        state: The network.
        splits: The images.
        resolution: Size that the network takes, in pixels.
        group: The processes that train together.
        whole: Whether all images are looked at, or the ones of `glanced_at`.
    """
    started_s = time.perf_counter()
    images = splits.validation
    found = Accuracy(0.0, 0.0)
    if group.is_first:
        rows = torch.arange(len(images)) if whole else glanced_at(splits)
        predicted = predict(state.resulting, images, resolution, rows=rows, normalization=state.normalization)
        found = accuracy_of(predicted, images.labels[rows])
    shared = Accuracy(group.total(found.top1, state.device), group.total(found.class_mean, state.device))
    return Validation(shared, time.perf_counter() - started_s)


def glanced_at(splits: Splits) -> Tensor:
    """Positions of the validation images that a glance looks at, the same every time, `(n,)` int64, ascending.

    They are drawn so that classes keep their shares: a tenth as many as there are training images, or all where there
    are no more, but at least one of each class.
    """
    labels = splits.validation.labels
    size = len(splits.train) // _GLANCE
    if size >= len(labels):
        return torch.arange(len(labels))
    return torch.from_numpy(stratified(labels.numpy(), size, np.random.default_rng(_SEED), leave=0)[0])
