"""An interval of a median that may be looked at after every new value, and holds whenever one stops."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import betaln

FEWEST = 8
"""Values without which no interval of their median can be told."""

_ERROR = 0.05
"""How often at most the interval ever misses the median."""


def median_and_sequence(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """The median of `n` values and the ends of its 95 % confidence sequence.

    If the values are independent, the interval covers their median at every `n` at once with a probability of at least
    95 %, whatever their distribution: one may stop when it is narrow. Its ends are order statistics, see
    `sequence_rank`; infinite for fewer than 8 values.
    """
    ordered = np.sort(values)
    rank = sequence_rank(len(ordered))
    if not rank:
        return float(np.median(ordered)), -math.inf, math.inf
    return float(np.median(ordered)), float(ordered[rank - 1]), float(ordered[-rank])


@cache
def sequence_rank(n: int) -> int:
    """Rank `j` for which `[x_(j), x_(n+1-j)]` is the 95 % confidence sequence of the median at `n` values.

    How many of `n` values lie below their median, `k`, is binomial with p = 1/2 whatever their distribution. Were p
    uniform from 0 to 1, `k` of `n` in a given order would have the probability `B(k + 1, n - k + 1)` instead of
    `2^-n`. The ratio of the two is a martingale that starts at 1, so it ever reaches 20 with a probability of 5 % at
    most (Ville's inequality; Robbins, Ann. Math. Statist. 41, 1970, 1397-1409). A value is outside the interval if it
    would have to be the median of values for which the ratio is 20 or more.

    Returns:
        The rank, counted from 1; 0 where nothing is outside.
    """
    most = -math.log(_ERROR)
    rank = 0
    while 2 * rank < n and betaln(rank + 1, n - rank + 1) + n * math.log(2) >= most:
        rank += 1
    return rank
