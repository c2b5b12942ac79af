"""How long a network takes as a multiple of its anchor, from turns that the two took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiernas.engines.clock.sequence import FEWEST, median_and_sequence

FloatArray = npt.NDArray[np.float64]

QUIET = 0.1
"""A pair is quiet where its anchor took at most this share more than undisturbed, before and after."""

_FEW_QUIET = 4
"""Quiet pairs whose median is a better centre than that of all pairs, though too few for an interval of their own."""

BLOCK_S = 0.2
"""Pairs within this time are one value: what disturbs one disturbs the next."""

_ELASTICITY = 0.5
"""Disturbed pairs are off from quiet ones by at most about this power of how much slower the anchor is.

Neighbours slow two networks down differently: in the traces of benchmarks/latency (`traces.py`) the power went from
-0.3 to 0.55."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Turns of a network, each between two of its anchor.

    Attributes:
        at_s: `n` times at which they began, in s, from the first one on.
        network_ms: `n` turns of the network.
        before_ms: `n` turns of the anchor right before.
        after_ms: `n` turns of the anchor right after.
    """

    at_s: FloatArray
    network_ms: FloatArray
    before_ms: FloatArray
    after_ms: FloatArray

    @property
    def log_ratios(self) -> FloatArray:
        """`n` logarithms of the network's turn over the geometric mean of its anchor's turns."""
        return np.asarray(np.log(self.network_ms) - (np.log(self.before_ms) + np.log(self.after_ms)) / 2)

    def slower(self, undisturbed_ms: float) -> FloatArray:
        """`n` logarithms of how many times longer than undisturbed the slower turn of the anchor took."""
        return np.asarray(np.log(np.maximum(self.before_ms, self.after_ms) / undisturbed_ms))

    def are_quiet(self, undisturbed_ms: float) -> npt.NDArray[np.bool_]:
        """Which of the `n` pairs are quiet."""
        return np.asarray(self.slower(undisturbed_ms) <= np.log1p(QUIET))


@dataclass(frozen=True, slots=True)
class Ratio:
    """A network's latency over its anchor's.

    Attributes:
        ratio: While the machine is undisturbed, as far as there were such moments.
        low: Lower end of its 95 % interval.
        high: Upper end of it.
        found: Median over all pairs, disturbed or not.
        pairs: How many there were.
        quiet_pairs: How many of them were quiet.
    """

    ratio: float
    low: float
    high: float
    found: float
    pairs: int
    quiet_pairs: int

    @property
    def width(self) -> float:
        """Width of the interval, as a share of the ratio."""
        return (self.high - self.low) / self.ratio


def estimate_ratio(pairs: Pairs, undisturbed_ms: float, block_s: float = BLOCK_S) -> Ratio:
    """The ratio of two networks that took turns.

    Quiet pairs alone tell it where there are enough of them, since a neighbour slows one network down more than another
    one. The interval is a confidence sequence over blocks of pairs (`median_and_sequence`). Where there were too few
    quiet pairs it is that of all pairs, wider by what they may be off by.

    Args:
        pairs: The turns.
        undisturbed_ms: Latency of the anchor while nothing disturbs it.
        block_s: Length of a block.
    """
    log_ratios = pairs.log_ratios
    quiet = pairs.are_quiet(undisturbed_ms)
    block = (pairs.at_s // block_s).astype(np.int64)
    found = float(np.median(log_ratios))
    of_quiet = _blocks(log_ratios[quiet], block[quiet])
    if len(of_quiet) >= FEWEST:
        centre, low, high = median_and_sequence(of_quiet)
    else:
        centre, low, high = median_and_sequence(_blocks(log_ratios, block))
        off = _ELASTICITY * max(0.0, float(np.median(pairs.slower(undisturbed_ms))))
        if quiet.sum() >= _FEW_QUIET:
            centre = float(np.median(log_ratios[quiet]))
        low, high = min(low - off, centre), max(high + off, centre)
    ratio, low, high, found = (float(value) for value in np.exp([centre, low, high, found]))
    return Ratio(ratio, low, high, found, len(log_ratios), int(quiet.sum()))


def _blocks(values: FloatArray, block: npt.NDArray[np.int64]) -> FloatArray:
    """The median of each block that has values, in the order of the blocks."""
    return np.array([np.median(values[block == number]) for number in np.unique(block)])
