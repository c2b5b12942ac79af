"""Accuracy of a network in training: a glance after every epoch, all validation images at the end."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

from tiernas.training.evaluation import Accuracy, accuracy_of, predict
from tiernas.training.group import Group
from tiernas.training.images import Splits
from tiernas.training.state import TrainingState

_GLANCE = 10
"""A glance looks at so many times fewer images than an epoch trains on. An image costs about a third of a training
step's there, so glances make a training at most 3 % longer."""


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
        whole: Whether all images are looked at, or evenly spaced ones, at most a tenth as many as there are training
            images.
    """
    started_s = time.perf_counter()
    images = splits.validation
    if not whole:
        step = math.ceil(_GLANCE * len(images) / len(splits.train))
        images = replace(images, images=images.images[::step], labels=images.labels[::step], ask_for=None)
    found = Accuracy(0.0, 0.0)
    if group.is_first:
        found = accuracy_of(predict(state.resulting, images, resolution), images.labels)
    shared = Accuracy(group.total(found.top1, state.device), group.total(found.class_mean, state.device))
    return Validation(shared, time.perf_counter() - started_s)
