"""When a measurement of two networks that take turns ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tiernas.engines.clock.ratio import BLOCK_S, FEWEST, Ratio

_SHORTEST_BLOCK_S = 1e-6
"""Minimum length of a block: if there is no time at all, every pair is a block."""


@dataclass(frozen=True)
class TurnRule:
    """How long a network and its anchor take turns.

    Attributes:
        relative_width: Stop when the width of the 95 % interval, relative to the ratio, is below this.
        min_s: Measure at least this long.
        limit_s: Stop after this long, except for the eight pairs that an interval needs.
        patience: Continue up to this multiple of `limit_s` while fewer than eight pairs are quiet.
        reload_s: Networks and anchors faster than 20 ms are reloaded at this interval, because their placement in
            memory changes their latency. None: never.
    """

    relative_width: float = 0.02
    min_s: float = 2.0
    limit_s: float = 10.0
    patience: float = 1.0
    reload_s: float | None = None

    @property
    def longest_s(self) -> float:
        """The time after which it ends, quiet or not."""
        return max(1.0, self.patience) * self.limit_s

    @property
    def block_s(self) -> float:
        """Duration of a block of pairs, in s; shorter if there is little time."""
        return min(BLOCK_S, max(self.limit_s / 20, _SHORTEST_BLOCK_S))

    def next_look(self, pairs: int) -> int:
        """Number of pairs at which to estimate the ratio next, after `pairs`; estimating takes time of its own."""
        return max(FEWEST, pairs + max(1, pairs // 8))

    def is_over(self, ratio: Ratio, elapsed_s: float) -> bool:
        """Whether to stop, given the ratio and the time elapsed so far."""
        if elapsed_s < min(self.min_s, self.limit_s):
            return False
        is_quiet = ratio.quiet_pairs >= FEWEST
        limit_s = self.limit_s if is_quiet else self.patience * self.limit_s
        is_known = is_quiet and ratio.width <= self.relative_width
        return is_known or (elapsed_s >= limit_s and math.isfinite(ratio.width))
