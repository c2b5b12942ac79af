"""An accuracy from another search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Known:
    """A network whose accuracy is known from elsewhere.

    Attributes:
        vector: The integers of the network.
        digest: Digest of its architecture.
        estimated_latency_ms: Estimate of this study's latency table.
        inside: Whether that lies in the tier.
        accuracy: Top-1 accuracy on the validation split.
        result: Everything else that training reported.
        origin: Where the training run is recorded.
    """

    vector: Sequence[int]
    digest: str
    estimated_latency_ms: float
    inside: bool
    accuracy: float
    result: Mapping[str, Any]
    origin: str
