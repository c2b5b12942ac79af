"""Networks of timm that consist of our blocks: those of its EfficientNet builder."""

from __future__ import annotations

from typing import Any

import torch

from tiernas.errors import NotInstalledError, UsageError, first_line
from tiernas.networks.normalization import rgb
from tiernas.networks.timm_names import TIMM_PREFIX, near_timm_names
from tiernas.pretrained.network import Original, PretrainedNet, fresh, inherit
from tiernas.pretrained.timm_blocks import TimmReader
from tiernas.pretrained.wanted import Wanted
from tiernas.pretrained.weights_file import read_weights

HOMES = ("efficientnet", "mobilenetv3", "hardcorenas")
"""Modules of timm whose networks come from its EfficientNet builder and are of its two plain classes."""


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
    try:
        import timm
    except ImportError as error:
        raise NotInstalledError("timm", "pretrained") from error
    _require_ours(timm, name)
    network = _downloaded(timm, name) if wanted.file is None and not wanted.fresh else _outlined(timm, name)
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


def _require_ours(timm: Any, name: str) -> None:
    if not timm.is_model(name):
        near = ", ".join(TIMM_PREFIX + found for found in near_timm_names(name))
        hint = f"; similar names: {near}" if near else ""
        raise UsageError(f"source = {TIMM_PREFIX + name!r}: timm {timm.__version__} has no such network{hint}")
    if not timm.models.is_model_in_modules(name, HOMES):
        raise UsageError(
            f"source = {TIMM_PREFIX + name!r}: consists of other blocks than tiernas has; networks of timm's "
            f"EfficientNet builder are supported: its modules {', '.join(HOMES)}"
        )


def _outlined(timm: Any, name: str) -> Any:
    """The network without memory allocated for its weights."""
    try:
        with torch.device("meta"):
            return timm.create_model(name)
    except RuntimeError as error:  # there is no such tag
        raise UsageError(f"source = {TIMM_PREFIX + name!r}: {first_line(error)}") from error


def _downloaded(timm: Any, name: str) -> Any:
    try:
        return timm.create_model(name, pretrained=True)
    except Exception as error:  # hub clients may raise anything
        raise UsageError(
            f"source = {TIMM_PREFIX + name!r}: its weights are not available from the hub ({first_line(error)}); pass "
            "a file as weights, or 'fresh' for random ones"
        ) from error
