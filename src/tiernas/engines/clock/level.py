"""The latency of an anchor on its own: the only absolute quantity of a session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiernas.engines.binomial import binomial_quantile

UNDISTURBED = 0.1
"""The undisturbed latency is this quantile of all turns: that of quiet moments, not the record."""

_BLOCK_S = 0.5
"""Turns within this time form one value of the interval."""

_ERROR = 0.025
"""Maximum probability that the upper end of an interval is below the quantile."""


@dataclass(frozen=True)
class Level:
    """The latency of a network over a session, in ms.

    Attributes:
        undisturbed_ms: What the machine can do: a low quantile of all turns.
        low_ms: Median of the quietest half second.
        high_ms: Upper end of the 95 % interval of the low quantile, from blocks of half a second.
        found_ms: As found: the median of all turns.
    """

    undisturbed_ms: float
    low_ms: float
    high_ms: float
    found_ms: float


def undisturbed_of(turns_ms: npt.NDArray[np.float64]) -> float:
    """The undisturbed latency estimated from `n` turns, in ms."""
    return float(np.quantile(turns_ms, UNDISTURBED))


def upper_rank(n: int) -> int:
    """Which of `n` values, counted from the smallest, is the upper end of the 95 % interval of their low quantile.

    The number of `n` independent values below their quantile `q` is binomial with p = q (`UNDISTURBED`).

    Args:
        n: Number of values, at least 1.

    Returns:
        1 for the smallest; `n` if there are too few values for an upper end.
    """
    return min(n, binomial_quantile(1 - _ERROR, n, UNDISTURBED) + 1)


def level_of(at_s: npt.NDArray[np.float64], turns_ms: npt.NDArray[np.float64]) -> Level:
    """The level of `n` turns.

    The upper end is an order statistic of the blocks' medians (`upper_rank`). A quieter moment than any observed cannot
    be excluded, so the lower end is the quietest block.

    Args:
        at_s: Start times of the `n` turns, in s.
        turns_ms: Durations of the `n` turns.
    """
    numbers = ((at_s - at_s[0]) // _BLOCK_S).astype(np.int64)
    blocks_ms = np.sort([np.median(turns_ms[numbers == number]) for number in np.unique(numbers)])
    undisturbed_ms = undisturbed_of(turns_ms)
    return Level(
        undisturbed_ms=undisturbed_ms,
        low_ms=min(undisturbed_ms, float(blocks_ms[0])),
        high_ms=max(undisturbed_ms, float(blocks_ms[upper_rank(len(blocks_ms)) - 1])),
        found_ms=float(np.median(turns_ms)),
    )
