"""What the user wants of a search that is drafted; everything else is chosen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants.

    Attributes:
        space: Name of the space; None to choose it by the data.
        max_latency_ms: The latency budget; None: as slow as the networks of the space are.
        engine: Name of the deployment engine; None for one that works here.
        precision: Precision of the engine.
        threads: Threads per inference.
        hours: The search has as many tiers and training runs as fit into this time; None: as many as usual.
    """

    space: str | None = None
    max_latency_ms: float | None = None
    engine: str | None = None
    precision: str = "fp32"
    threads: int = 1
    hours: float | None = None
