"""What networks are measured against, on this machine or elsewhere."""

from __future__ import annotations

import abc
from dataclasses import dataclass

from tiernas.engines.clock.level import Level
from tiernas.engines.clock.ratio import Pairs
from tiernas.engines.clock.rule import TurnRule
from tiernas.engines.measurement import Measurement
from tiernas.engines.timed import TimedNetwork


@dataclass(frozen=True)
class Trace:
    """A network and its anchor that took turns for a given time.

    Attributes:
        pairs: Their turns.
        level: The latency of the anchor in its session so far.
    """

    pairs: Pairs
    level: Level


class Anchor(abc.ABC):
    """A network that others are measured against; made by `CompiledNetwork.anchor`, on the device of that network.

    Attributes:
        name: Its name in records: `graph_digest` of its ONNX graph.
    """

    name: str

    @property
    @abc.abstractmethod
    def about_ms(self) -> float:
        """Its approximate latency."""

    @abc.abstractmethod
    def measure(self, network: TimedNetwork, rule: TurnRule | None = None) -> Measurement:
        """Measures a network interleaved with this one while nothing else is measured on their device.

        Args:
            network: The network, on the same device; it runs on its prepared buffers. It should be of similar size:
                networks of different size are disturbed differently.
            rule: When to stop.
        """

    @abc.abstractmethod
    def trace(self, network: TimedNetwork, duration_s: float) -> Trace:
        """Lets a network and this one take turns for a given time, while nothing else is measured on their device.

        Args:
            network: The network, on the same device.
            duration_s: How long.
        """
