"""`Parent`: a trained network from which others inherit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from tiernas.inheritance.importance import ChannelOrders, rank_channels
from tiernas.networks import Network
from tiernas.networks.normalization import Normalization
from tiernas.pretrained import PretrainedNet
from tiernas.storage import checksum_of

WEIGHT, ORDER = "network.", "order."
"""Prefixes of the names of weights and orders in `Parent.tensors`."""


@dataclass(frozen=True, slots=True, eq=False)
class Parent:
    """A trained network with a ranking of its channels.

    Attributes:
        source: The name or path that it was opened by, for messages.
        network: The network with its weights.
        orders: Its channels, group by group, most important first.
        normalization: Normalization of its input.
        classes: Names of its classes, in the order of the logits; None if unknown.
    """

    source: str
    network: Network
    orders: ChannelOrders
    normalization: Normalization
    classes: tuple[str, ...] | None

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        *_, classifier = (module for module in self.network.modules() if isinstance(module, nn.Linear))
        return classifier.out_features

    def has_classes(self, classes: tuple[str, ...]) -> bool:
        """Whether its classes are these; if their names are unknown, whether the numbers are equal."""
        return len(classes) == self.num_classes if self.classes is None else classes == self.classes

    @property
    def facts(self) -> Mapping[str, Any]:
        """Everything besides its weights, serializable as JSON; without its source."""
        return {
            "architecture": self.network.architecture.to_json(),
            "num_classes": self.num_classes,
            "classes": self.classes and list(self.classes),
            "input_mean": list(self.normalization.mean),
            "input_std": list(self.normalization.std),
        }

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """Its weights by name."""
        return self.network.state_dict()

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """Its weights and the order of its channels, by name with a prefix for each."""
        weights = {WEIGHT + name: tensor for name, tensor in self.weights.items()}
        return weights | {ORDER + group: order for group, order in self.orders.items()}

    @property
    def digest(self) -> str:
        """16 hexadecimal digits over everything but the source; equal digests mean equal inherited weights."""
        return checksum_of(self.tensors, self.facts)[:16]


def make_parent(network: PretrainedNet, source: str) -> Parent:
    """Makes a parent of a network opened by `tiernas.load`.

    Args:
        network: The network; it is not copied.
        source: The name or path that it was opened by.
    """
    return Parent(source, network, rank_channels(network), network.normalization, network.classes)
