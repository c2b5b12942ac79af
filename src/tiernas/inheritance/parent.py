"""`Parent`: a trained network that others inherit from."""

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
"""What the names of weights and of orders begin with in `Parent.tensors`."""


@dataclass(frozen=True, slots=True, eq=False)
class Parent:
    """A trained network, and which of its channels matter most.

    Attributes:
        source: What it was opened by, for messages.
        network: The network with its weights.
        orders: Its channels, group by group, the most important one first.
        normalization: What is done to its input.
        classes: Names of its classes, in the order of the logits; None where they are not known.
    """

    source: str
    network: Network
    orders: ChannelOrders
    normalization: Normalization
    classes: tuple[str, ...] | None

    @property
    def num_classes(self) -> int:
        """How many classes it has."""
        *_, classifier = (module for module in self.network.modules() if isinstance(module, nn.Linear))
        return classifier.out_features

    def has_classes(self, classes: tuple[str, ...]) -> bool:
        """Whether its classes are these; where their names are not known, whether they are as many."""
        return len(classes) == self.num_classes if self.classes is None else classes == self.classes

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is to be known of it beside its weights, as JSON; without its source."""
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
        """Its weights and the order of its channels, by names that tell them apart."""
        weights = {WEIGHT + name: tensor for name, tensor in self.weights.items()}
        return weights | {ORDER + group: order for group, order in self.orders.items()}

    @property
    def digest(self) -> str:
        """16 hexadecimal digits over all but the source: networks that inherit from equal ones inherit the same."""
        return checksum_of(self.tensors, self.facts)[:16]


def make_parent(network: PretrainedNet, source: str) -> Parent:
    """The parent that a network is, as `tiernas.load` opens it.

    Args:
        network: The network; it is not copied.
        source: What it was opened by.
    """
    normalization = Normalization(network.input_mean, network.input_std)
    return Parent(source, network, rank_channels(network), normalization, network.classes)
