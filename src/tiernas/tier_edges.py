"""Where the networks of a space are, and edges of tiers between which there are enough of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tiernas.blocks.rows import FloatArray
from tiernas.errors import UsageError
from tiernas.rounding import apart, rounded_up
from tiernas.tiers import DEFAULT_POOL_NETWORKS, Pool, Tier

ALL_LATENCIES = Tier(0.0, 1e12)
"""A tier that every network is in."""

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""Shares of the networks that are shown with their latencies."""

FEW_NETWORKS = 200
"""A search has little choice in a tier with fewer of the networks that are sampled by default."""

_PROPOSED_TIERS = 3
_STEP = 2.0
"""Each proposed edge is half of the next."""

_TOP = 0.95
"""The last proposed tier ends where this share of the networks is faster: those beyond are rare."""

_BEYOND = 1.001
"""That tier ends slightly beyond, as tiers do not contain their end."""


def latency_quantiles(latency_ms: FloatArray) -> dict[float, float]:
    """Latencies in ms below which the shares `QUANTILES` of `n` latencies are."""
    return dict(zip(QUANTILES, np.quantile(latency_ms, QUANTILES).tolist(), strict=True))


def proposed_edges(
    latency_ms: FloatArray, max_latency_ms: float | None = None, *, name: str = "max_latency_ms"
) -> list[float]:
    """Edges in ms of at most three tiers, each half as long as the next, as far as there are enough networks.

    Args:
        latency_ms: Latencies of a sample of a space (`n`).
        max_latency_ms: The last tier ends here, or where networks become rare.
        name: What the user calls it, for messages.

    Raises:
        UsageError: No network of the sample is that fast.
    """
    top_ms = float(rounded_up(_BEYOND * float(np.quantile(latency_ms, _TOP))))
    if max_latency_ms is not None:
        top_ms = min(top_ms, max_latency_ms)
    fastest_ms = float(latency_ms.min())
    if top_ms <= fastest_ms:
        wanted, fastest = apart(top_ms, fastest_ms)
        raise UsageError(
            f"{name} {wanted}: the fastest of {len(latency_ms)} networks takes about {fastest} ms here; allow more, "
            f"such as {rounded_up(2 * fastest_ms)}, or choose a space of smaller networks"
        )
    low_ms = float(f"{top_ms / _STEP:.3g}")
    if not Tier(low_ms, top_ms).contains(latency_ms).any():
        low_ms = float(latency_ms[latency_ms < top_ms].max())
    edges = [low_ms, top_ms]
    enough = max(1.0, enough_networks(len(latency_ms)))
    while len(edges) <= _PROPOSED_TIERS:
        low_ms = float(f"{edges[0] / _STEP:.3g}")
        if np.count_nonzero(Tier(low_ms, edges[0]).contains(latency_ms)) < enough:
            break
        edges.insert(0, low_ms)
    return edges


def few_networks_warnings(pools: Iterable[Pool], sampled: int) -> list[str]:
    """One warning per tier that so few networks are in that a search has little choice.

    Args:
        pools: The networks of each tier.
        sampled: Number of networks that were sampled for all tiers.
    """
    return [
        f"tier {pool.tier.name} ms has only {len(pool)} of {sampled} sampled networks, so a search has little choice "
        "there; widen or move the tier"
        for pool in pools
        if len(pool) < enough_networks(sampled)
    ]


def enough_networks(sampled: int) -> float:
    """Number of networks of a sample that a tier should have."""
    return FEW_NETWORKS * sampled / DEFAULT_POOL_NETWORKS


def edges_text(edges_ms: Sequence[float]) -> str:
    """Edges as `--edges` takes them."""
    return ",".join(f"{edge:.15g}" for edge in edges_ms)
