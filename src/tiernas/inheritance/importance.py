"""Ranks the channels of a trained network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from tiernas.blocks import Block
from tiernas.blocks.strided import StridedBlock
from tiernas.inheritance.channels import INPUT, OUTPUT, ChannelTensor, channel_tensors, is_convolutional
from tiernas.networks import Network

ChannelOrders = Mapping[str, Tensor]
"""For each group of channels, by name, their positions, `(n,)` int64, most important first."""

_MATRIX = 2
"""Number of channel axes of a weight with inputs and outputs."""


def rank_channels(network: Network) -> ChannelOrders:
    """Ranks channels by how much they are used: the sum of the squared weights that read them.

    Channels that residual connections add to each other form one group, and the sum is over all layers of the group.
    Of the rules that need no images it was the best (benchmarks/pretrained/importance.py).
    """
    scores: dict[str, Tensor] = {}
    for one, groups in grouped_tensors(network):
        if one.role.endswith(".weight") and len(groups) == _MATRIX and (group := groups[1]) is not None:
            used = one.tensor.double().square().transpose(0, 1).flatten(1).sum(1)
            scores[group] = scores[group] + used if group in scores else used
    return {group: torch.argsort(score, descending=True, stable=True) for group, score in scores.items()}


def grouped_tensors(network: Network) -> Iterator[tuple[ChannelTensor, tuple[str | None, ...]]]:
    """The tensors of all convolutional layers, each with the groups of its axes."""
    layers = network.architecture.layers
    names = layer_groups(layers)
    for layer, name, block in zip(layers, names, network.blocks, strict=True):
        if is_convolutional(layer):
            for one in channel_tensors(block):
                yield one, tuple(name.group(axis) for axis in one.axes)


class LayerGroups:
    """The groups of the channels of one layer.

    Args:
        number: Position of the layer.
        before: The group of its input; None for an image.
        after: The group of its output.
    """

    def __init__(self, number: int, before: str | None, after: str) -> None:
        self.after = after
        self._number = number
        self._shared = {INPUT: before, OUTPUT: after}

    def group(self, channels: str | None) -> str | None:
        """The name of the group of some of its channels; None if they cannot be cut."""
        if channels is None:
            return None
        return self._shared.get(channels, f"{self._number}.{channels}")


def layer_groups(layers: Sequence[Block]) -> list[LayerGroups]:
    """The groups of each layer of a network; a residual layer's output is in the group of its input."""
    found: list[LayerGroups] = []
    before: str | None = None
    for number, layer in enumerate(layers):
        residual = isinstance(layer, StridedBlock) and layer.residual
        found.append(LayerGroups(number, before, before if residual and before else f"{number}.{OUTPUT}"))
        before = found[-1].after
    return found
