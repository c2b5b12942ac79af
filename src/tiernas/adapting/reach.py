"""Measures the whole parent and its fastest part on this device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tiernas.engines import Engine, TurnRule
from tiernas.latency import measure_architecture
from tiernas.latency.measuring.ladder import Ladder, standard_rungs
from tiernas.spaces import ParentSpace

_RULE = TurnRule(relative_width=0.05, limit_s=2.0)
"""These latencies only choose tiers and resolutions; finalists are measured more precisely."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The latencies that are possible.

    Attributes:
        fastest_ms: Latency of the smallest network of the space.
        whole_ms: Latency of the whole parent by resolution in pixels, increasing.
    """

    fastest_ms: float
    whole_ms: Mapping[int, float]

    def whole_at_ms(self, resolution: int) -> float:
        """Latency of the whole parent at any resolution, scaled by pixels from the nearest measured one."""
        nearest = min(self.whole_ms, key=lambda px: abs(px - resolution))
        return self.whole_ms[nearest] * (resolution / nearest) ** 2


def measure_reach(space: ParentSpace, engine: Engine, num_classes: int) -> Reach:
    """Measures the fastest network of a space, and the whole parent at each of its resolutions.

    Args:
        space: The space.
        engine: The engine.
        num_classes: Number of classes.
    """
    with Ladder(standard_rungs(), engine) as ladder:

        def latency_ms(vector: tuple[int, ...]) -> float:
            return measure_architecture(space.decode(vector), num_classes, ladder, _RULE).latency_ms

        fastest_ms = latency_ms(tuple(dimension.values[0] for dimension in space.dimensions))
        return Reach(fastest_ms, {px: latency_ms(space.whole(px)) for px in space.dimensions[0].values})
