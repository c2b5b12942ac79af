"""How good a network in training is: a sample after every epoch, all validation images at the end."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tiernas.training.data_size import glance_of
from tiernas.training.evaluation import Accuracy, accuracy_of, assess
from tiernas.training.group import Group
from tiernas.training.images import Splits
from tiernas.training.splitting import stratified
from tiernas.training.state import TrainingState

_SEED = 0
"""Fixed, so that all candidates of a study are compared on the same images."""


@dataclass(frozen=True, slots=True)
class Validation:
    """The result of a validation.

    Attributes:
        accuracy: The same in all processes.
        cross_entropy: Mean over the images, in nats; the same in all processes.
        duration_s: Time it took.
    """

    accuracy: Accuracy
    cross_entropy: float
    duration_s: float


def validate(state: TrainingState, splits: Splits, resolution: int, group: Group, *, whole: bool) -> Validation:
    """Evaluates the network to be kept on the validation split; the first process does it, the others get the result.

    Args:
        state: The network.
        splits: The images.
        resolution: Input size of the network, in pixels.
        group: The processes that train together.
        whole: Whether to use all images, or those of `glanced_at`.
    """
    started_s = time.perf_counter()
    images = splits.validation
    accuracy, loss = Accuracy(0.0, 0.0), 0.0
    if group.is_first:
        rows = torch.arange(len(images)) if whole else glanced_at(splits)
        found = assess(state.resulting, images, resolution, rows=rows, normalization=state.normalization)
        accuracy, loss = accuracy_of(found.classes, images.labels[rows]), float(found.losses.double().mean())
    top1, class_mean, loss = (group.total(value, state.device) for value in (accuracy.top1, accuracy.class_mean, loss))
    return Validation(Accuracy(top1, class_mean), loss, time.perf_counter() - started_s)


def glanced_at(splits: Splits) -> Tensor:
    """Positions of the validation images in the sample, the same every time, `(n,)` int64, ascending.

    They are drawn so that classes keep their shares: a tenth as many as there are training images, or all if there are
    not that many, but at least one of each class.
    """
    labels = splits.validation.labels
    size = glance_of(len(splits.train), len(labels))
    if size == len(labels):
        return torch.arange(len(labels))
    return torch.from_numpy(stratified(labels.numpy(), size, np.random.default_rng(_SEED), leave=0)[0])
