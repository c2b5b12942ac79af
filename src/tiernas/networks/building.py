"""Builds the `torch.nn.Module` of an `Architecture`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Literal, overload

import torch
from torch import Tensor, nn

from tiernas.errors import UsageError
from tiernas.spaces.architecture import Architecture

_MAP = 3
"""Dimensions of a map: channels, height and width."""


class Network(nn.Module):
    """A classifier from `(n, 3, resolution, resolution)` images to `(n, num_classes)` logits.

    Attributes:
        architecture: The architecture that it was built from.
        blocks: One module per layer of the architecture, in execution order.
    """

    def __init__(self, architecture: Architecture, num_classes: int, dropout: float, drop_path_rate: float) -> None:
        super().__init__()
        self.architecture = architecture
        self.blocks = nn.Sequential(*architecture.modules(num_classes, dropout=dropout, drop_path_rate=drop_path_rate))
        _initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.blocks(x)
        return logits


class FeatureNet(nn.Module):
    """A backbone from images to the last feature map of every stride, finest first.

    Attributes:
        architecture: The architecture that it was built from.
        channels: Channels of each feature map.
        strides: Input pixels per pixel of each feature map.
        levels: Position of the block that outputs each feature map.

    Raises:
        UsageError: The network has layers that do not output a map.
    """

    def __init__(self, architecture: Architecture, drop_path_rate: float) -> None:
        super().__init__()
        self.architecture = architecture
        body = architecture.layers[:-1]
        for layer in body:
            if len(layer.out_shape) != _MAP:
                raise UsageError(f"a backbone outputs feature maps, but {layer.block} does not: use another network")
        self.blocks = nn.Sequential(*islice(architecture.modules(1, drop_path_rate=drop_path_rate), len(body)))
        self.levels = tuple(i for i in range(len(body)) if i + 1 == len(body) or body[i + 1].reduction > 1)
        self.channels = tuple(body[i].out_shape[0] for i in self.levels)
        self.strides = tuple(math.prod(layer.reduction for layer in body[: i + 1]) for i in self.levels)
        _initialise(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.levels:
                features.append(x)
        return features


@overload
def build(
    architecture: Architecture,
    num_classes: int = ...,
    *,
    features_only: Literal[False] = ...,
    dropout: float = ...,
    drop_path_rate: float = ...,
) -> Network: ...


@overload
def build(
    architecture: Architecture,
    num_classes: int = ...,
    *,
    features_only: Literal[True],
    dropout: float = ...,
    drop_path_rate: float = ...,
) -> FeatureNet: ...


def build(
    architecture: Architecture,
    num_classes: int = 1000,
    *,
    features_only: bool = False,
    dropout: float = 0.0,
    drop_path_rate: float = 0.0,
) -> Network | FeatureNet:
    """Builds the network of an architecture, with fresh weights.

    Args:
        architecture: The network.
        num_classes: Number of classes.
        features_only: Build a backbone that returns a list of feature maps instead of logits.
        dropout: Dropout before the classifier (the released networks were trained with 0.2).
        drop_path_rate: Stochastic depth of the head; block `i` of `n` has `(i + 1) / n` of it (released: 0.2,
            GPUNet-D1 and -D2: 0).

    Returns:
        A `Network`, or a `FeatureNet` if `features_only`.

    Raises:
        UsageError: The architecture is a string or a path, which `tiernas.load` opens.
    """
    if isinstance(architecture, str | Path):
        raise UsageError(
            f"build takes an Architecture, not {str(architecture)!r}: tiernas.load opens a name or a folder with its "
            "weights, tiernas.released a published architecture, tiernas.spaces.read_architecture a JSON file"
        )
    if features_only:
        return FeatureNet(architecture, drop_path_rate)
    return Network(architecture, num_classes, dropout, drop_path_rate)


@contextmanager
def repeatable_weights() -> Iterator[None]:
    """Networks built in this context have the same random weights every time; torch's random state is unaffected."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _initialise(network: nn.Module) -> None:
    """Normal weights with variance 2 / fan-out, fan-out counted per group (EfficientNet, arXiv 1905.11946).

    The classifier keeps torch's default.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
            nn.init.normal_(module.weight, std=math.sqrt(2.0 / fan_out))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
