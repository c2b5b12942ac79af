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
    """Ranks channels by how much they vary and how much they are used.

    The importance of a channel is the product of two sums: the squared scales of its batch normalizations (how much it
    varies, arXiv 1708.06519), and the squared weights that read it (how much it is used). Channels that residual
    connections add to each other form one group, and both sums are over all layers of the group.
    """
    made: dict[str, Tensor] = {}
    taken: dict[str, Tensor] = {}
    for one, groups in grouped_tensors(network):
        if not one.role.endswith(".weight"):
            continue
        squares = one.tensor.double().square()
        if one.normalizes:
            _add(made, groups[0], squares)
        if len(groups) == _MATRIX:
            _add(taken, groups[1], squares.transpose(0, 1).flatten(1).sum(1))
    scores = {group: made.get(group, torch.ones_like(used)) * used for group, used in taken.items()}
    return {group: torch.argsort(score, descending=True, stable=True) for group, score in scores.items()}


def _add(sums: dict[str, Tensor], group: str | None, values: Tensor) -> None:
    if group is not None:
        sums[group] = sums[group] + values if group in sums else values


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
