"""What networks of a tier are measured with: one anchor of the latency table's ladder, on the table's scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from types import TracebackType
from typing import Self

import numpy as np

from tiernas.engines import CompiledNetwork, Engine, Measurement, TurnRule
from tiernas.latency import LatencyTable, measure_architecture
from tiernas.latency.measuring.ladder import Ladder
from tiernas.spaces import Architecture
from tiernas.tiers import Tier

_WIDTH = 0.01
"""Measuring stops when the interval of the ratio is narrower than this: finalists of a tier lie close together."""

_LOADS = 5
"""So often a network is loaded within the time limit: where it lies in memory may change its latency."""

_PATIENCE = 2
"""So many times the limit is waited for a quiet moment."""


class TierClock:
    """Measures the networks of a tier in turn with the same anchor, so that their order is that of their ratios.

    A context manager: one session, whose anchors are compiled when they are needed and freed at the end.

    Args:
        load_table: Gives the latency table of the search; called when something is measured for the first time.
        engine: What to measure with.
        limit_s: How long each network is measured at most.
    """

    def __init__(self, load_table: Callable[[], LatencyTable], engine: Engine, limit_s: float) -> None:
        self.engine = engine
        self.rule = TurnRule(relative_width=_WIDTH, limit_s=limit_s, patience=_PATIENCE, reload_s=limit_s / _LOADS)
        self._load_table = load_table

    def measure(self, network: CompiledNetwork, tier: Tier) -> Measurement:
        """Measures a compiled network of a tier."""
        return self._ladder.measure(network, self.rule, self.rung(tier))

    def measure_architecture(self, architecture: Architecture, num_classes: int, tier: Tier) -> Measurement:
        """Exports, compiles and measures a network of a tier, with random weights."""
        return measure_architecture(architecture, num_classes, self._ladder, self.rule, rung=self.rung(tier))

    def estimate_ms(self, vector: Sequence[int]) -> float:
        """What the latency table says of a network."""
        return float(self._table.estimate([vector])[0])

    def rung(self, tier: Tier) -> int:
        """The number of the anchor that the table estimates nearest to the middle of a tier."""
        middle_ms = (tier.low_ms + tier.high_ms) / 2
        return int(np.argmin(np.abs(np.log(self._rungs_ms / middle_ms))))

    @cached_property
    def _table(self) -> LatencyTable:
        return self._load_table()

    @cached_property
    def _ladder(self) -> Ladder:
        return self._table.ladder(self.engine)

    @cached_property
    def _rungs_ms(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return self._table.estimate([rung.vector for rung in self._ladder.rungs])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if "_ladder" in self.__dict__:
            self._ladder.__exit__(kind, error, traceback)
