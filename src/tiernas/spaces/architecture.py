"""`Architecture`: the whole interface of a network before it is built."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tiernas.blocks import Block, ModuleOptions
from tiernas.errors import UsageError

if TYPE_CHECKING:
    from torch import nn


class Architecture(abc.ABC):
    """A network as a value: frozen, hashable, JSON both ways (`tiernas.spaces.architecture_from_json`).

    Spaces decode vectors to architectures; networks, latency tables, studies and exports use only this interface.

    Attributes:
        resolution: Height and width of the input image, in pixels.
        bn_eps: Epsilon of every batch normalization.
    """

    __slots__ = ()

    resolution: int
    bn_eps: float

    @property
    @abc.abstractmethod
    def layers(self) -> tuple[Block, ...]:
        """All layers, in execution order; the last one is the classifier."""

    @abc.abstractmethod
    def to_json(self) -> str:
        """The architecture as one line of JSON, identical for equal architectures in every process and version."""

    def resized(self, resolution: int) -> Architecture:
        """The same network for images of another resolution, in pixels.

        Raises:
            UsageError: Its layers are defined for one resolution only, or the resolution is out of range.
        """
        raise UsageError(
            f"resolution = {resolution}: the layers of this network are defined for {self.resolution} pixels; choose a "
            "network of its space with the resolution"
        )

    @property
    def digest(self) -> str:
        """16 hexadecimal digits, identical for equal architectures in every process and version."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    @property
    def shrunk_layer(self) -> int | None:
        """Index of the first layer whose output has no pixels left; None if the resolution is large enough."""
        return next((i for i, layer in enumerate(self.layers) if min(layer.out_shape) < 1), None)

    def modules(self, num_classes: int, *, dropout: float = 0.0, drop_path_rate: float = 0.0) -> Iterator[nn.Module]:
        """Builds the layers with fresh weights, in execution order.

        Args:
            num_classes: Number of classes of the classifier.
            dropout: Dropout before the classifier.
            drop_path_rate: Stochastic depth of the last layer; layer `i` of `n` has `(i + 1) / n` of it.
        """
        layers = self.layers
        for number, layer in enumerate(layers, start=1):
            rate = drop_path_rate * number / len(layers)
            yield layer.module(ModuleOptions(num_classes, self.bn_eps, dropout, rate))
