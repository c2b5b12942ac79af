"""Measures the whole parent and its fastest parts on this device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tiernas.blocks.rows import IntArray
from tiernas.config import SearchConfig
from tiernas.engines import Engine, TurnRule
from tiernas.errors import UsageError
from tiernas.latency import measure_architecture
from tiernas.latency.measuring.ladder import Ladder, standard_rungs
from tiernas.rounding import apart, rounded_up
from tiernas.spaces import ParentSpace
from tiernas.spaces.macs import smallest

_RULE = TurnRule(relative_width=0.05, limit_s=2.0)
"""These latencies only choose tiers and resolutions; finalists are measured more precisely."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The latencies that are possible.

    Attributes:
        fastest_ms: Latency of the smallest network among those that the search samples.
        whole_ms: Latency of the whole parent by resolution in pixels, increasing.
    """

    fastest_ms: float
    whole_ms: Mapping[int, float]

    def words(self, network: str) -> str:
        """The latencies in words.

        Args:
            network: Name of the parent.
        """
        whole = ", ".join(f"{ms:.3g} ms at {px} px" for px, ms in self.whole_ms.items())
        return f"{network} takes {whole}; its fastest part takes {self.fastest_ms:.3g} ms"


def measure_reach(
    config: SearchConfig, max_latency_ms: float | None, space: ParentSpace, engine: Engine, num_classes: int
) -> Reach:
    """Measures the fastest networks of a space, and the whole parent at each of its resolutions.

    Args:
        config: The search, with a parent; it decides what is sampled.
        max_latency_ms: The latency budget; None for none.
        space: The space of the search.
        engine: The engine.
        num_classes: Number of classes.

    Raises:
        UsageError: The budget or the lowest tier is below the fastest network, which is measured first.
    """
    with Ladder(standard_rungs(), engine) as ladder:

        def latency_ms(vector: IntArray | tuple[int, ...]) -> float:
            return measure_architecture(space.decode(vector), num_classes, ladder, _RULE).latency_ms

        fastest_ms = latency_ms(smallest(space, space.sample(config.tiers.pool, config.study.seed)))
        _require_reachable(config, max_latency_ms, fastest_ms)
        return Reach(fastest_ms, {px: latency_ms(space.whole(px)) for px in space.dimensions[0].values})


def _require_reachable(config: SearchConfig, max_latency_ms: float | None, fastest_ms: float) -> None:
    """Refuses a budget, or a lowest tier, that no network is fast enough for; says how fast the fastest one is."""
    engine, parent = config.engine, config.parent
    assert parent is not None
    where = f"{engine.name} {engine.precision}, {engine.threads} thread{'s' if engine.threads > 1 else ''}"
    limits_ms = {"--max-latency-ms": max_latency_ms, "tiers.edges: the first tier ends at": config.tiers.edges[1]}
    for name, limit_ms in limits_ms.items():
        if limit_ms is not None and limit_ms <= fastest_ms:
            wanted, fastest = apart(limit_ms, fastest_ms)
            raise UsageError(
                f"{name} {wanted}: the fastest part of {parent.network} takes {fastest} ms here ({where}); allow more "
                f"than that, such as {rounded_up(2 * fastest_ms)}"
            )
