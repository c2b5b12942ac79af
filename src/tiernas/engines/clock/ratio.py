"""The latency of a network as a multiple of its anchor's, estimated from their turns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiernas.engines.clock.sequence import half_width

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

QUIET = 0.1
"""A pair is quiet if both anchor turns took at most this share longer than undisturbed."""

FEWEST = 8
"""Minimum number of blocks for an interval."""

BLOCK_S = 0.2
"""Pairs within this time form one value: a disturbance affects neighboring pairs alike."""

_BLOCKS = 24
"""Number of blocks of a long measurement, so that slow changes show up between blocks."""

_CALM = 0.12
"""The weight of a pair falls by a factor of e for each such slowdown of its anchor, on a logarithmic scale."""

_FEWEST_EFFECTIVE = 5.0
"""Required effective number of blocks of an interval; if there are fewer, disturbed pairs get more weight in it."""

_SOFTER = 1.5
"""Factors of `_CALM` that are tried for this."""

_ELASTICITY = 0.3
"""Ratios of disturbed pairs are biased by about this power of the anchor's slowdown.

Neighbors slow two networks down differently: in the traces of benchmarks/latency (`traces.py`) the power ranged from
-0.3 to 0.55."""

_UNAVOIDABLE = 0.05
"""Slowdown that the anchor of a quiet pair has by chance, on a logarithmic scale."""

_PLACE = 0.003
"""Two loads of a network differ by more than this, so no ratio can be more precise."""

_MEDIAN = math.sqrt(math.pi / 2)
"""Standard error of a median over that of a mean, for normally distributed values."""

_NORMAL = 1.4826
"""Standard deviation over median absolute deviation, for a normal distribution."""


@dataclass(frozen=True)
class Pairs:
    """Turns of a network, each between two turns of its anchor.

    Attributes:
        at_s: `n` start times, in s, relative to the first one.
        network_ms: `n` turns of the network.
        before_ms: `n` turns of the anchor immediately before.
        after_ms: `n` turns of the anchor immediately after.
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
        """`n` logarithms of the slower anchor turn over the anchor's undisturbed latency."""
        return np.asarray(np.log(np.maximum(self.before_ms, self.after_ms) / undisturbed_ms))

    def are_quiet(self, undisturbed_ms: float) -> npt.NDArray[np.bool_]:
        """Mask of the quiet pairs (`n`)."""
        return np.asarray(self.slower(undisturbed_ms) <= np.log1p(QUIET))


@dataclass(frozen=True)
class Ratio:
    """A network's latency over its anchor's.

    Attributes:
        ratio: The ratio on the undisturbed machine, as far as there were undisturbed moments.
        low: Lower end of its 95 % interval.
        high: Upper end of its 95 % interval.
        found: Median over all pairs, disturbed or not.
        pairs: Number of pairs.
        quiet_pairs: Number of quiet pairs.
    """

    ratio: float
    low: float
    high: float
    found: float
    pairs: int
    quiet_pairs: int

    @property
    def width(self) -> float:
        """Width of the interval relative to the ratio."""
        return (self.high - self.low) / self.ratio


def estimate_ratio(pairs: Pairs, undisturbed_ms: float, block_s: float = BLOCK_S) -> Ratio:
    """The ratio of two networks that took turns.

    It is a weighted median of all pairs: the slower its anchor, the smaller the weight of a pair, because neighbors
    slow some networks down more than others. The interval is a confidence sequence (`half_width`), computed from the
    variation between blocks of pairs and widened by the possible bias of disturbed pairs in proportion to their weight.
    It is infinite for fewer than 8 blocks.

    Args:
        pairs: The turns.
        undisturbed_ms: Undisturbed latency of the anchor.
        block_s: Minimum length of a block.
    """
    log_ratios = pairs.log_ratios
    slower = np.maximum(pairs.slower(undisturbed_ms), 0.0)
    weights = np.exp((slower.min() - slower) / _CALM)
    centre = _weighted_median(log_ratios, weights)
    low, high = _interval(log_ratios, slower, _blocks(pairs.at_s, block_s))
    if not low <= centre <= high:  # a few quiet pairs disagree with the others
        off = _half_width(np.abs(log_ratios - centre), weights)
        low, high = min(low, centre - off), max(high, centre + off)
    ratio, low, high, found = np.exp([centre, low, high, np.median(log_ratios)]).tolist()
    return Ratio(ratio, low, high, found, len(log_ratios), int(pairs.are_quiet(undisturbed_ms).sum()))


def _blocks(at_s: FloatArray, block_s: float) -> IntArray:
    """The index of each pair's block, from 0; empty blocks are not counted."""
    longest_s = max(block_s, float(at_s[-1]) / _BLOCKS)
    return np.asarray(np.unique((at_s // longest_s).astype(np.int64), return_inverse=True)[1])


def _interval(log_ratios: FloatArray, slower: FloatArray, block: IntArray) -> tuple[float, float]:
    """The ends of the 95 % interval of the logarithm of the ratio.

    Args:
        log_ratios: `n` pairs.
        slower: Slowdown of their anchor compared with undisturbed, on a logarithmic scale.
        block: The indices of their blocks.
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
    """Half the width of the interval of a weighted median, from the distances of the values to it."""
    return _MEDIAN * _NORMAL * _weighted_median(distances, weights) * half_width(_effective(weights))


def _effective(weights: FloatArray) -> float:
    """The effective number of values with these weights."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def _weights(slower: FloatArray, block: IntArray) -> FloatArray:
    """Weights of `n` pairs for which the effective number of blocks suffices for an interval."""
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
    """The interpolated value below which half of the total weight is."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(weights.sum() / 2, below, values[order]))
