"""Optimizer, learning rate and averaged weights of a recipe."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer, RMSprop
from torch.optim.swa_utils import AveragedModel

from tiernas.errors import NotInstalledError

_RMSPROP_SMOOTHING = 0.9
_RMSPROP_EPS = 1e-3
"""Settings of the RMSprop that GPUNet was trained with (arXiv 2205.00841 and its released code)."""

_ADAM_BETA2 = 0.99
"""Shorter memory than the usual 0.999, for training runs of a few hundred steps."""

_RATE_SCALE = "lr_scale"
"""Factor of a parameter group's learning rate; the name is timm's."""


class StepRule(Protocol):
    """What a recipe says about steps: `RecipeConfig` explains each; detectors have recipes of their own."""

    @property
    def epochs(self) -> int: ...
    @property
    def optimizer(self) -> Literal["sgd", "rmsprop", "rmsproptf", "adamw"]: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def body_learning_rate_scale(self) -> float: ...
    @property
    def momentum(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def schedule(self) -> Literal["cosine", "linear", "step"]: ...
    @property
    def decay_rate(self) -> float: ...
    @property
    def decay_epochs(self) -> float: ...
    @property
    def warmup_fraction(self) -> float: ...


def make_optimizer(network: nn.Module, recipe: StepRule, body: Iterable[nn.Parameter] | None = None) -> Optimizer:
    """The optimizer; one-dimensional tensors (biases, normalization, PReLU) have no weight decay.

    Args:
        network: Whose parameters it changes.
        recipe: Its settings.
        body: The parameters that `recipe.body_learning_rate_scale` is for; all but the last linear layer's if None.
    """
    groups = _groups(network, recipe, body)
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


def _groups(network: nn.Module, recipe: StepRule, body: Iterable[nn.Parameter] | None) -> list[dict[str, Any]]:
    """Groups parameters by weight decay, and by learning rate if that of the body differs."""
    parameters, scale = list(network.parameters()), recipe.body_learning_rate_scale
    parts = [(parameters, 1.0)]
    if scale != 1:
        if body is None:
            *_, classifier = (module for module in network.modules() if isinstance(module, nn.Linear))
            own = {id(parameter) for parameter in classifier.parameters()}
        else:
            own = {id(parameter) for parameter in parameters} - {id(parameter) for parameter in body}
        parts = [([p for p in parameters if id(p) not in own], scale), ([p for p in parameters if id(p) in own], 1.0)]
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


def learning_rate_at(step: int, total_steps: int, recipe: StepRule) -> float:
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
