"""How well estimates serve tiers: which networks they put inside, and in which order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

TIER_WIDTH = 0.2
"""A tier goes from a latency to a fifth more, unless told otherwise."""

LEAST_INSIDE = 0.5
"""Of the networks that are estimated in a tier 20 % wide, at least so many must be in it.

Each of the others is a training spent on a network that cannot become an entry of the tier; below one half most of the
trainings are. That is where the mean error is 9 %, half of the tier's width."""


@dataclass(frozen=True, slots=True)
class NearPairs:
    """Pairs of networks that could share a tier.

    Attributes:
        pairs: How many there are.
        networks: How many networks they are made of.
        tau: The share of the pairs whose estimates are in the right order less the share of those in the wrong one; nan
            where there is no pair.
    """

    pairs: int
    networks: int
    tau: float


def near_pairs(estimated_ms: FloatArray, measured_ms: FloatArray, width: float = TIER_WIDTH) -> NearPairs:
    """Rank correlation of the pairs whose measured latencies differ by at most a tier's width.

    It uses more pairs than tiers with fixed ends do.

    Args:
        estimated_ms: `n` estimates.
        measured_ms: `n` measured latencies.
        width: How much longer the end of the tier is than its beginning, as a share.
    """
    first, second = np.triu_indices(len(measured_ms), 1)
    measured, estimated = np.log(measured_ms), np.log(estimated_ms)
    apart = measured[first] - measured[second]
    near = np.abs(apart) <= math.log1p(width)
    agreement = np.sign(apart[near]) * np.sign((estimated[first] - estimated[second])[near])
    networks = len(np.union1d(first[near], second[near]))
    return NearPairs(len(agreement), networks, float(agreement.mean()) if near.any() else math.nan)


def chances_inside(estimated_ms: FloatArray, measured_ms: FloatArray, width: float = TIER_WIDTH) -> FloatArray:
    """How likely each network lies in a tier that it is estimated to lie in (`n`), wherever the tier begins.

    An estimate that is off by a factor `exp(d)` puts its network into a wrong tier where it is nearer than `|d|` to one
    end. Estimates are spread evenly over a tier, `w = ln(1 + width)` wide, so the chance is `1 - |d| / w`, or 0. Its
    mean is the share of the networks estimated in a tier that lie in it, within 0.03 in whole spaces
    (benchmarks/latency/verdict.py). A wild estimate counts as what it is: one network in a wrong tier.

    Args:
        estimated_ms: `n` estimates.
        measured_ms: `n` measured latencies.
        width: How much longer the end of the tier is than its beginning, as a share.
    """
    off = np.abs(np.log(estimated_ms / measured_ms))
    return np.asarray(1 - np.minimum(off / math.log1p(width), 1.0))
