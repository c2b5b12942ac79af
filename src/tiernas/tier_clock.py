"""Measures the networks of a tier interleaved with one anchor of the latency table's ladder, on the table's scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from types import TracebackType
from typing import ClassVar, Self

import numpy as np

from tiernas.engines import CompiledNetwork, Engine, Measurement, TurnRule
from tiernas.latency import LatencyTable, measure_architecture
from tiernas.latency.measuring.ladder import Ladder
from tiernas.spaces import Architecture
from tiernas.tiers import Tier

_WIDTH = 0.01
"""Measuring stops when the interval of the ratio is narrower than this: finalists of a tier are close together."""

_LOADS = 5
"""Number of times a network is loaded within the time limit: its placement in memory can change its latency."""

_PATIENCE = 2
"""Measuring waits for quiet moments up to this multiple of the time limit."""


class TierClock:
    """Measures all networks of a tier interleaved with the same anchor, so that their ratios rank them.

    A context manager for one session; anchors are compiled on first use and freed at the end.

    Args:
        load_table: Returns the latency table of the search; called before the first measurement.
        engine: The engine to measure with.
        limit_s: Time limit per network in seconds.
    """

    measures_once: ClassVar[bool] = False
    """Whether an undecided network cannot be measured again."""

    def __init__(self, load_table: Callable[[], LatencyTable], engine: Engine, limit_s: float) -> None:
        self.engine = engine
        self.rule = TurnRule(relative_width=_WIDTH, limit_s=limit_s, patience=_PATIENCE, reload_s=limit_s / _LOADS)
        self._load_table = load_table

    def measure(self, network: CompiledNetwork, tier: Tier | None) -> Measurement:
        """Measures a compiled network of a tier; of none: interleaved with the nearest anchor."""
        return self._ladder.measure(network, self.rule, self._rung_of(tier))

    def measure_architecture(self, architecture: Architecture, num_classes: int, tier: Tier | None) -> Measurement:
        """Exports, compiles and measures a network of a tier or of none, with random weights."""
        rung = self._rung_of(tier)
        return measure_architecture(architecture, num_classes, self._ladder, self.rule, rung=rung)

    def estimate_ms(self, vector: Sequence[int]) -> float:
        """The latency table's estimate of a network."""
        return float(self.table.estimate([vector])[0])

    def rung(self, tier: Tier) -> int:
        """Index of the anchor whose estimated latency is nearest to the middle of a tier."""
        return int(np.argmin(np.abs(np.log(self._rungs_ms / tier.middle_ms))))

    def _rung_of(self, tier: Tier | None) -> int | None:
        return None if tier is None else self.rung(tier)

    @cached_property
    def table(self) -> LatencyTable:
        """The latency table of the search."""
        return self._load_table()

    @cached_property
    def _ladder(self) -> Ladder:
        return self.table.ladder(self.engine)

    @cached_property
    def _rungs_ms(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return self.table.estimate([rung.vector for rung in self._ladder.rungs])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if "_ladder" in self.__dict__:
            self._ladder.__exit__(kind, error, traceback)
