"""How well estimates assign networks to tiers and rank them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

TIER_WIDTH = 0.2
"""Default relative width of a tier: its upper end is a fifth above its lower end."""

LEAST_INSIDE = 0.5
"""Minimum share of the networks estimated in a tier 20 % wide that must be in it.

Each of the others wastes a training run on a network that cannot become an entry of the tier; below one half, most
training runs are wasted. This corresponds to a mean error of 9 %, half of the tier's width."""


@dataclass(frozen=True, slots=True)
class NearPairs:
    """Pairs of networks that could be in the same tier.

    Attributes:
        pairs: Number of pairs.
        networks: Number of networks that occur in them.
        tau: Share of the pairs whose estimates are in the right order minus the share of those in the wrong order; nan
            if there is no pair.
    """

    pairs: int
    networks: int
    tau: float


def near_pairs(estimated_ms: FloatArray, measured_ms: FloatArray, width: float = TIER_WIDTH) -> NearPairs:
    """Rank correlation of the pairs whose measured latencies differ by at most a tier's width.

    This covers more pairs than tiers with fixed ends.

    Args:
        estimated_ms: `n` estimates.
        measured_ms: `n` measured latencies.
        width: Relative width of the tier: upper over lower end, minus 1.
    """
    first, second = np.triu_indices(len(measured_ms), 1)
    measured, estimated = np.log(measured_ms), np.log(estimated_ms)
    apart = measured[first] - measured[second]
    near = np.abs(apart) <= math.log1p(width)
    agreement = np.sign(apart[near]) * np.sign((estimated[first] - estimated[second])[near])
    networks = len(np.union1d(first[near], second[near]))
    return NearPairs(len(agreement), networks, float(agreement.mean()) if near.any() else math.nan)


def chances_inside(estimated_ms: FloatArray, measured_ms: FloatArray, width: float = TIER_WIDTH) -> FloatArray:
    """Probability (`n`) that a network is in the tier in which it is estimated, independent of where the tier begins.

    An estimate that is off by a factor `exp(d)` puts its network into the wrong tier if it is closer than `|d|` to one
    end. Estimates are spread evenly over a tier of width `w = ln(1 + width)`, so the probability is `1 - |d| / w`, or
    0. The mean is the share of the networks estimated in a tier that are in it, within 0.03 in whole spaces
    (benchmarks/latency/verdict.py). An outlier counts no more than one network in the wrong tier.

    Args:
        estimated_ms: `n` estimates.
        measured_ms: `n` measured latencies.
        width: Relative width of the tier: upper over lower end, minus 1.
    """
    off = np.abs(np.log(estimated_ms / measured_ms))
    return np.asarray(1 - np.minimum(off / math.log1p(width), 1.0))
