"""Networks of timm with their weights: those of its EfficientNet builder as ours, all others as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tiernas.errors import UsageError, about, first_line
from tiernas.networks.normalization import rgb
from tiernas.networks.timm_names import TIMM_PREFIX, timm_with
from tiernas.pretrained.network import Original, PretrainedNet, fresh, inherit, misfit, of_another_network
from tiernas.pretrained.timm_blocks import TimmReader
from tiernas.pretrained.wanted import Wanted
from tiernas.pretrained.weights_file import read_weights
from tiernas.spaces.architecture import Architecture

HOMES = ("efficientnet", "mobilenetv3", "hardcorenas")
"""Modules of timm whose networks come from its EfficientNet builder and are of its two plain classes."""

_EXTRA = "pretrained"
"""The extra of tiernas with the packages that trained networks come from."""

_OTHERWISE = "pass a file as weights, or 'fresh' for random ones"


def load_timm(name: str, wanted: Wanted) -> PretrainedNet:
    """Loads a network of timm, by default with the weights of the hub.

    Args:
        name: Its name in timm, with or without the tag of its weights.
        wanted: The weights, and the number of classes.

    Raises:
        UsageError: timm has no such network, it has other blocks than tiernas, or its weights are unavailable or belong
            to another network.
        NotInstalledError: timm is not installed.
    """
    from_hub = wanted.file is None and not wanted.fresh
    with about(f"source = {TIMM_PREFIX + name!r}"):
        timm = timm_with(name, _EXTRA, TIMM_PREFIX)
        _require_ours(timm, name)
        network = _from_hub(timm, name, _OTHERWISE) if from_hub else _outlined(timm, name)
    original, modules = read_timm(network, TIMM_PREFIX + name)
    if wanted.fresh:
        return fresh(original, wanted.num_classes)
    if wanted.file is None:
        return inherit(original, network.state_dict(), "the hub", wanted.num_classes, modules)
    return inherit(original, read_weights(wanted.file), str(wanted.file), wanted.num_classes, modules)


def read_timm(network: Any, name: str) -> tuple[Original, tuple[str, ...]]:
    """A network of timm as a tiernas network, and the names of its modules with tensors, in execution order.

    Args:
        network: A network of timm's EfficientNet builder; its weights do not matter.
        name: How messages refer to it.

    Raises:
        UsageError: A block has no equivalent in tiernas; the message names it.
    """
    config = network.pretrained_cfg
    reader = TimmReader(network, name, config["input_size"][-1])
    architecture = reader.read()
    original = Original(name, architecture, network.num_classes, rgb(config["mean"]), rgb(config["std"]))
    return original, tuple(reader.modules)


def timm_architecture(name: str) -> Architecture:
    """A network of timm's EfficientNet builder as a tiernas network, without weights.

    Args:
        name: Its name in timm, with or without the tag of its weights.

    Raises:
        UsageError: timm has no such network, or it has other blocks than tiernas.
        NotInstalledError: timm is not installed.
    """
    timm = timm_with(name, "rivals", TIMM_PREFIX)
    _require_ours(timm, name)
    return read_timm(_outlined(timm, name), TIMM_PREFIX + name)[0].architecture


def timm_from_hub(name: str, otherwise: str) -> Any:
    """A network of timm as it is, of any family, with the weights of the hub.

    Args:
        name: Its name in timm, with or without the tag of its weights.
        otherwise: What a user can do if they are unavailable, in words.

    Raises:
        UsageError: timm has no such network, or its weights are unavailable.
        NotInstalledError: timm is not installed.
    """
    return _from_hub(timm_with(name, _EXTRA), name, otherwise)


def timm_from_weights(name: str, weights: Mapping[str, Tensor], file: str) -> Any:
    """A network of timm as it is, of any family, with other weights and as many classes as they have.

    Args:
        name: Its name in timm, with or without the tag of its weights.
        weights: The weights by name.
        file: Their origin, for messages.

    Raises:
        UsageError: timm has no such network, or the weights belong to another one.
        NotInstalledError: timm is not installed.
    """
    timm = timm_with(name, _EXTRA)
    classifiers = _created(timm, name).pretrained_cfg["classifier"]
    classifier = classifiers if isinstance(classifiers, str) else next(iter(classifiers or ()), "")  # some have two
    last = weights.get(f"{classifier}.weight")
    network = _created(timm, name, **({} if last is None else {"num_classes": len(last)}))
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        why = misfit(network.state_dict(), weights) or first_line(error)
        raise of_another_network(TIMM_PREFIX + name, file, why) from error
    return network


def _require_ours(timm: Any, name: str) -> None:
    if not timm.models.is_model_in_modules(name, HOMES):
        raise UsageError(
            "consists of other blocks than tiernas has; networks of timm's EfficientNet builder are supported: its "
            f"modules {', '.join(HOMES)}"
        )


def _outlined(timm: Any, name: str) -> Any:
    """The network without memory allocated for its weights."""
    with torch.device("meta"):
        return _created(timm, name)


def _from_hub(timm: Any, name: str, otherwise: str) -> Any:
    try:
        return timm.create_model(name, pretrained=True)
    except Exception as error:  # hub clients may raise anything
        raise UsageError(f"its weights are not available from the hub ({first_line(error)}); {otherwise}") from error


def _created(timm: Any, name: str, **options: Any) -> Any:
    try:
        return timm.create_model(name, **options)
    except RuntimeError as error:  # there is no such tag
        raise UsageError(first_line(error)) from error
