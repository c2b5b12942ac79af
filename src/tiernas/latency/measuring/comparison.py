"""What a network is compared with: itself in a more exact precision, or another network."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from tiernas.engines import InTurn, Measurement
from tiernas.latency.measuring.advice import Advice
from tiernas.rounding import apart


@dataclass(frozen=True, slots=True)
class PrecisionComparison:
    """The same network in a more exact precision, with which the network was interleaved.

    Attributes:
        precision: The more exact precision.
        measurement: Its latency, measured interleaved with an anchor.
        advice: Whether to deploy the lower precision.
    """

    precision: str
    measurement: Measurement
    advice: Advice

    def to_dict(self) -> dict[str, Any]:
        """Everything, serializable as JSON."""
        return {
            "precision": self.precision,
            "measurement": dataclasses.asdict(self.measurement),
            **dataclasses.asdict(self.advice),
        }


@dataclass(frozen=True, slots=True)
class NetworkComparison:
    """Another network, with which the network was interleaved.

    Attributes:
        network: The user's name for it.
        kind: The kind of thing that the name refers to.
        graph: `graph_digest` of its ONNX graph.
        measurement: Its latency, measured interleaved with an anchor.
        compared: The ratio of the measured network to this one.
    """

    network: str
    kind: str
    graph: str
    measurement: Measurement
    compared: InTurn

    @property
    def is_slower(self) -> bool | None:
        """Whether the measured network is faster than this one; None if no difference can be resolved."""
        if self.compared.ratio_low <= 1 <= self.compared.ratio_high:
            return None
        return self.compared.ratio < 1

    def words(self, other: str) -> str:
        """Which network is faster and by how much, in words.

        Args:
            other: The user's name for the measured network.
        """
        low, high = apart(self.compared.ratio_low, 1.0)[0], apart(self.compared.ratio_high, 1.0)[0]
        says = {None: "no difference can be resolved", True: f"{other} is faster", False: f"{self.network} is faster"}
        return (
            f"{other} takes {self.compared.ratio:.3f} of {self.network}'s time ({low} to {high}): "
            f"{says[self.is_slower]}"
        )

    def to_dict(self, other: str) -> dict[str, Any]:
        """Everything, serializable as JSON."""
        faster = {None: None, True: other, False: self.network}[self.is_slower]
        return {
            "network": self.network,
            "kind": self.kind,
            "graph": self.graph,
            "measurement": dataclasses.asdict(self.measurement),
            "ratio": self.compared.ratio,
            "ratio_low": self.compared.ratio_low,
            "ratio_high": self.compared.ratio_high,
            "faster": faster,
            "reason": self.words(other),
        }
