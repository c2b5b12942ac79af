"""How long a network takes as a multiple of its anchor, from turns that the two took."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiernas.engines.clock.sequence import half_width

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

QUIET = 0.1
"""A pair is quiet where its anchor took at most this share more than undisturbed, before and after."""

FEWEST = 8
"""Blocks without which no interval can be told."""

BLOCK_S = 0.2
"""Pairs within this time are one value: what disturbs one disturbs the next."""

_BLOCKS = 24
"""Of a long measurement, so that slow changes are seen between its blocks."""

_CALM = 0.12
"""A pair whose anchor is slower by this, on a logarithmic scale, weighs 1 / e as much."""

_FEWEST_EFFECTIVE = 5.0
"""An interval needs blocks worth so many of equal weight; where they are not, disturbed pairs weigh more in it."""

_SOFTER = 1.5
"""The steps of `_CALM` by which they do."""

_ELASTICITY = 0.3
"""Disturbed pairs are off from quiet ones by about this power of how much slower the anchor is.

Neighbours slow two networks down differently: in the traces of benchmarks/latency (`traces.py`) the power went from
-0.3 to 0.55."""

_UNAVOIDABLE = 0.05
"""So much slower, on a logarithmic scale, is the anchor of a quiet pair too, by chance."""

_PLACE = 0.003
"""Two loads of a network differ by more than this, so no ratio is known better."""

_MEDIAN = math.sqrt(math.pi / 2)
"""Standard error of a median over that of a mean, of normally distributed values."""

_NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


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

    It is a weighted median of all pairs: the slower its anchor was, the less a pair weighs, since a neighbour slows one
    network down more than another one. The interval is a confidence sequence (`half_width`) by how much blocks of pairs
    differ, wider by what disturbed pairs may be off by, as far as they weigh. It is infinite for fewer than 8 blocks.

    Args:
        pairs: The turns.
        undisturbed_ms: Latency of the anchor while nothing disturbs it.
        block_s: Least length of a block.
    """
    log_ratios = pairs.log_ratios
    slower = np.maximum(pairs.slower(undisturbed_ms), 0.0)
    weights = np.exp((slower.min() - slower) / _CALM)
    centre = _weighted_median(log_ratios, weights)
    low, high = _interval(log_ratios, slower, _blocks(pairs.at_s, block_s))
    if not low <= centre <= high:  # a few quiet pairs say something else than the others
        off = _half_width(np.abs(log_ratios - centre), weights)
        low, high = min(low, centre - off), max(high, centre + off)
    ratio, low, high, found = np.exp([centre, low, high, np.median(log_ratios)]).tolist()
    return Ratio(ratio, low, high, found, len(log_ratios), int(pairs.are_quiet(undisturbed_ms).sum()))


def _blocks(at_s: FloatArray, block_s: float) -> IntArray:
    """The number of each pair's block, counted from 0; blocks without a pair have none."""
    longest_s = max(block_s, float(at_s[-1]) / _BLOCKS)
    return np.asarray(np.unique((at_s // longest_s).astype(np.int64), return_inverse=True)[1])


def _interval(log_ratios: FloatArray, slower: FloatArray, block: IntArray) -> tuple[float, float]:
    """The ends of the 95 % interval of the logarithm of the ratio.

    Args:
        log_ratios: `n` pairs.
        slower: By how much their anchor was slower than undisturbed, on a logarithmic scale.
        block: The numbers of their blocks.
    """
    count = int(block.max()) + 1
    if count < FEWEST:
        return -math.inf, math.inf
    weights = _weights(slower, block)
    centre = _weighted_median(log_ratios, weights)
    inside = [block == number for number in range(count)]
    distances = np.array([abs(_weighted_median(log_ratios[i], weights[i]) - centre) for i in inside])
    disturbed = max(0.0, float(np.average(slower, weights=weights)) - _UNAVOIDABLE)
    off = _half_width(distances, _means(weights, block)) + _ELASTICITY * disturbed + _PLACE
    return centre - off, centre + off


def _half_width(distances: FloatArray, weights: FloatArray) -> float:
    """Half the width of the interval of a weighted median, by how far the values are from it."""
    return _MEDIAN * _NORMAL * _weighted_median(distances, weights) * half_width(_effective(weights))


def _effective(weights: FloatArray) -> float:
    """How many values of equal weight values with these weights are worth."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def _weights(slower: FloatArray, block: IntArray) -> FloatArray:
    """The weights of `n` pairs by which the blocks are worth enough for an interval."""
    calm = _CALM
    while True:
        weights: FloatArray = np.exp((slower.min() - slower) / calm)
        if _effective(_means(weights, block)) >= _FEWEST_EFFECTIVE:
            return weights
        calm *= _SOFTER


def _means(values: FloatArray, block: IntArray) -> FloatArray:
    """The mean of each block."""
    return np.asarray(np.bincount(block, values) / np.bincount(block))


def _weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """The value below which half of the weight lies, interpolated."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(weights.sum() / 2, below, values[order]))
