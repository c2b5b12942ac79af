"""Copies the weights of a trained network into one with some of its layers and channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from tiernas.inheritance.alignment import aligned
from tiernas.inheritance.channels import CLASSES, channel_tensors, is_convolutional
from tiernas.inheritance.importance import ChannelOrders, LayerGroups, layer_groups
from tiernas.inheritance.parent import Parent
from tiernas.networks import Network

_WEIGHT_AXES = 4
"""Axes of a convolution's weights: output and input channels, height and width of the kernel."""


@torch.no_grad()
def inherit_weights(network: Network, parent: Parent, *, same_classes: bool) -> None:
    """Copies the weights of a parent into the matching layers of a network, in place; other weights stay as they are.

    From every group of channels the most important ones are kept, in the parent's order, and from a kernel the center.
    A network with exactly the layers of the parent therefore gets its exact weights. Layers without ranked channels,
    such as attention, are inherited if they are identical.

    With padding, the center of a kernel covers the same pixels as in the whole kernel, at any stride. Without padding,
    the center of a 5x5 kernel moves up and left by one pixel, and the map can be one pixel larger. This shifts what the
    layer computes; any other part of the kernel would compute something else.

    Args:
        network: The network, in training or evaluation mode.
        parent: The trained network.
        same_classes: Whether the classifier is inherited, too.
    """
    layers, theirs = network.architecture.layers, parent.network.architecture.layers
    groups = layer_groups(theirs)
    for number, source in enumerate(aligned(layers, theirs)):
        if source is None:
            continue
        block, whole = network.blocks[number], parent.network.blocks[source]
        if is_convolutional(layers[number]):
            _cut(block, whole, groups[source], parent.orders, same_classes)
        elif layers[number] == theirs[source]:
            _copy(block, whole, is_classifier=number == len(layers) - 1, same_classes=same_classes)


def _cut(block: nn.Module, whole: nn.Module, groups: LayerGroups, orders: ChannelOrders, same_classes: bool) -> None:
    known = {one.role: one for one in channel_tensors(whole)}
    pairs = [(ours, known[ours.role]) for ours in channel_tensors(block) if ours.role in known]
    if any(ours.axes != one.axes for ours, one in pairs):
        return  # such as heads with and without a second convolution, whose classifiers read other features
    for ours, one in pairs:
        if same_classes or CLASSES not in ours.axes:
            _overlay(ours.tensor, one.tensor, [orders.get(groups.group(axis) or "") for axis in one.axes])


def _overlay(target: Tensor, source: Tensor, orders: Sequence[Tensor | None]) -> None:
    """Writes the most important channels of a tensor to the first channels of another.

    Args:
        target: The tensor that is written to.
        source: The tensor that is cut.
        orders: The channels of each of the first axes, most important first. If an axis without an order has different
            lengths in the two tensors, nothing is written.
    """
    for axis, order in enumerate(orders):
        size = target.shape[axis]
        if order is not None:
            source = source.index_select(axis, order[:size].sort().values)
        elif size != source.shape[axis]:
            return
    if target.dim() == _WEIGHT_AXES:
        source = pad(source, ((target.shape[-1] - source.shape[-1]) // 2,) * 4)  # negative padding crops
    target[tuple(slice(size) for size in source.shape)] = source


def _copy(block: nn.Module, whole: nn.Module, *, is_classifier: bool, same_classes: bool) -> None:
    state = whole.state_dict()
    if is_classifier and not same_classes:
        *_, last = (name for name, module in whole.named_modules() if isinstance(module, nn.Linear))
        state = {name: tensor for name, tensor in state.items() if name.rpartition(".")[0] != last}
    block.load_state_dict(state, strict=False)
