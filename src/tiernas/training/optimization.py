"""Optimizer, learning rate and averaged weights of a recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer, RMSprop
from torch.optim.swa_utils import AveragedModel

from tiernas.errors import NotInstalledError
from tiernas.training.recipe import RecipeConfig

_RMSPROP_SMOOTHING = 0.9
_RMSPROP_EPS = 1e-3
"""Settings of the RMSprop that GPUNet was trained with (arXiv 2205.00841 and its released code)."""

_ADAM_BETA2 = 0.99
"""Shorter memory than the usual 0.999, for training runs of a few hundred steps."""

_RATE_SCALE = "lr_scale"
"""Factor of a parameter group's learning rate; the name is timm's."""


def make_optimizer(network: nn.Module, recipe: RecipeConfig) -> Optimizer:
    """The optimizer; one-dimensional tensors (biases, normalization, PReLU) have no weight decay."""
    groups = _groups(network, recipe)
    rate, momentum = recipe.learning_rate, recipe.momentum
    match recipe.optimizer:
        case "sgd":
            return SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=True)
        case "rmsprop":
            return RMSprop(groups, lr=rate, alpha=_RMSPROP_SMOOTHING, eps=_RMSPROP_EPS, momentum=momentum)
        case "rmsproptf":
            return _rmsprop_tf(groups, rate, momentum)
        case "adamw":
            return AdamW(groups, lr=rate, betas=(momentum, _ADAM_BETA2), fused=True)


def set_learning_rate(optimizer: Optimizer, learning_rate: float) -> None:
    """Sets the learning rate of the next step, scaled for each group of parameters."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group[_RATE_SCALE]


def _groups(network: nn.Module, recipe: RecipeConfig) -> list[dict[str, Any]]:
    """Groups parameters by weight decay, and by learning rate if that of the classifier differs."""
    parameters, scale = list(network.parameters()), recipe.body_learning_rate_scale
    parts = [(parameters, 1.0)]
    if scale != 1:
        *_, classifier = (module for module in network.modules() if isinstance(module, nn.Linear))
        own = {id(parameter) for parameter in classifier.parameters()}
        body = [p for p in parameters if id(p) not in own]
        parts = [(body, scale), (list(classifier.parameters()), 1.0)]
    return [
        {
            "params": [p for p in part if (p.ndim > 1) is decayed],
            "weight_decay": recipe.weight_decay if decayed else 0.0,
            _RATE_SCALE: rate_scale,
        }
        for part, rate_scale in parts
        for decayed in (True, False)
    ]


def _rmsprop_tf(groups: list[dict[str, Any]], rate: float, momentum: float) -> Optimizer:
    try:
        from timm.optim.rmsprop_tf import RMSpropTF
    except ImportError as error:
        raise NotInstalledError("timm, which has the optimizer rmsproptf,", "rivals") from error
    optimizer: Optimizer = RMSpropTF(groups, lr=rate, alpha=_RMSPROP_SMOOTHING, eps=_RMSPROP_EPS, momentum=momentum)
    return optimizer


def learning_rate_at(step: int, total_steps: int, recipe: RecipeConfig) -> float:
    """The learning rate of a step: linear warm-up to the peak, then down.

    Depends on the step alone, so resuming a training run needs no state of the schedule.

    Args:
        step: 0 ... total_steps - 1.
        total_steps: Steps of the whole training run.
        recipe: Peak, warm-up and shape.
    """
    at = (step + 0.5) / total_steps
    if at < recipe.warmup_fraction:
        return recipe.learning_rate * at / recipe.warmup_fraction
    if recipe.schedule == "step":
        return recipe.learning_rate * recipe.decay_rate ** math.floor(
            math.floor(at * recipe.epochs) / recipe.decay_epochs
        )
    left = (1 - at) / (1 - recipe.warmup_fraction)
    factor = left if recipe.schedule == "linear" else 0.5 * (1 - math.cos(math.pi * left))
    return recipe.learning_rate * factor


def make_average(network: nn.Module, decay: float) -> AveragedModel | None:
    """The moving average of weights and normalization statistics; None if `decay` is 0.

    After `t` updates the decay is `min(decay, (1 + t) / (10 + t))`, as in TensorFlow's and timm's EMA with warm-up.
    """
    if decay == 0:
        return None

    @torch.no_grad()
    def average(means: Sequence[Tensor], values: Sequence[Tensor], updates: Tensor | int) -> None:
        t = int(updates)
        weight = 1 - min(decay, (1 + t) / (10 + t))
        for mean, value in zip(means, values, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, weight)
            else:
                mean.copy_(value)

    return AveragedModel(network, multi_avg_fn=average, use_buffers=True)
