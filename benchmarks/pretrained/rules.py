"""Rules that rank the channels of a trained network; all return a value for `Parent.orders`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tiernas.inheritance import Parent, rank_channels
from tiernas.inheritance.importance import ChannelOrders, grouped_tensors
from tiernas.networks import Network
from tiernas.training import Splits, normalize, resize

_MATRIX = 2
"""Number of channel axes of a weight with inputs and outputs."""

BATCHES, BATCH_SIZE = 8, 64
"""Number and size of the batches of training images for the Taylor rule."""

Rule = Callable[[Parent, Splits], ChannelOrders]


def takers(parent: Parent, _: Splits) -> ChannelOrders:
    """Squared weights that read a channel: the rule of tiernas."""
    return rank_channels(parent.network)


def scales(parent: Parent, _: Splits) -> ChannelOrders:
    """Squared scales of a channel's batch normalizations (arXiv 1708.06519)."""
    return _ranked(
        (groups[0], one.tensor.double().square())
        for one, groups in grouped_tensors(parent.network)
        if one.normalizes and one.role.endswith(".weight")
    )


def makers(parent: Parent, _: Splits) -> ChannelOrders:
    """Squared weights that produce a channel (arXiv 1608.08710, with squares instead of absolute values)."""
    return _ranked(
        (groups[0], one.tensor.double().square().flatten(1).sum(1))
        for one, groups in grouped_tensors(parent.network)
        if one.role.endswith(".weight") and len(groups) == _MATRIX
    )


def scales_and_takers(parent: Parent, _: Splits) -> ChannelOrders:
    """The product of `scales` and `takers`."""
    made: dict[str, Tensor] = {}
    taken: dict[str, Tensor] = {}
    for one, groups in grouped_tensors(parent.network):
        if one.role.endswith(".weight"):
            squares = one.tensor.double().square()
            if one.normalizes:
                _add(made, groups[0], squares)
            if len(groups) == _MATRIX:
                _add(taken, groups[1], squares.transpose(0, 1).flatten(1).sum(1))
    return _ranked((group, made.get(group, torch.ones_like(used)) * used) for group, used in taken.items())


def taylor(parent: Parent, splits: Splits) -> ChannelOrders:
    """Squared first-order change of the loss without a channel, on batches of training images.

    As in arXiv 1906.10771 for a gate after each batch normalization; all gates of a group are one gate.
    """
    return _ranked(
        (group, effect.double().square())
        for images, labels in _batches(parent, splits)
        for group, effect in _effects(parent.network, images, labels).items()
    )


def by_position(parent: Parent, _: Splits) -> ChannelOrders:
    """The first channels."""
    return {group: torch.arange(len(order)) for group, order in parent.orders.items()}


def at_random(seed: int) -> Rule:
    """Random channels."""

    def rule(parent: Parent, _: Splits) -> ChannelOrders:
        generator = torch.Generator().manual_seed(seed)
        return {group: torch.randperm(len(order), generator=generator) for group, order in parent.orders.items()}

    return rule


RULES: Mapping[str, Rule] = {
    "takers": takers,
    "scales": scales,
    "makers": makers,
    "scales x takers": scales_and_takers,
    "taylor": taylor,
    "by position": by_position,
    **{f"random {seed}": at_random(seed) for seed in range(3)},
}


def _ranked(scores: Iterable[tuple[str | None, Tensor]]) -> ChannelOrders:
    """The channels of every group in descending order of the sum of their scores."""
    sums: dict[str, Tensor] = {}
    for group, score in scores:
        _add(sums, group, score)
    return {group: torch.argsort(score, descending=True, stable=True) for group, score in sums.items()}


def _add(sums: dict[str, Tensor], group: str | None, score: Tensor) -> None:
    if group is not None:
        sums[group] = sums[group] + score if group in sums else score


def _batches(parent: Parent, splits: Splits) -> Iterator[tuple[Tensor, Tensor]]:
    train, resolution = splits.train, parent.network.architecture.resolution
    rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[: BATCHES * BATCH_SIZE]
    for batch in rows.split(BATCH_SIZE):
        yield normalize(resize(train.images[batch], resolution), parent.normalization), train.labels[batch]


def _effects(network: Network, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """First-order change of the loss without each channel of a group."""
    network.zero_grad(set_to_none=True)
    cross_entropy(network(images), labels).backward()
    gradients = {parameter.data_ptr(): parameter.grad for parameter in network.parameters()}
    effects: dict[str, Tensor] = {}
    for one, groups in grouped_tensors(network):
        if one.normalizes and one.role.endswith((".weight", ".bias")):
            gradient, group = gradients[one.tensor.data_ptr()], groups[0]
            assert gradient is not None
            assert group is not None
            effect = one.tensor * gradient
            effects[group] = effects[group] + effect if group in effects else effect
    network.zero_grad(set_to_none=True)
    return effects
