"""The width of an interval that may be checked after every new value and is valid whenever measuring stops."""

from __future__ import annotations

import math

_ERROR = 0.05
"""Maximum probability that the interval ever misses the true value."""

_TIGHTEST = 2.0
"""The mixture's `r`: for 5 to 50 values, no other value makes the interval much narrower."""


def half_width(n: float) -> float:
    """Half the width of the 95 % confidence sequence of a mean of `n` values, in units of their standard deviation.

    The sum `S_n` of `n` independent values with mean 0 and variance 1 behaves like Brownian motion at time `n`. Mixed
    over normally distributed drifts with variance `1 / r`, the likelihood ratio
    `sqrt(r / (n + r)) exp(S_n^2 / (2 (n + r)))` is a martingale that starts at 1, so the probability that it ever
    reaches 20 is at most 5 % (Ville's inequality; Robbins, Ann. Math. Statist. 41, 1970, 1397-1409). Solving for
    `S_n / n` gives the half width. With an estimated standard deviation it is valid in the limit of many values.

    Args:
        n: Number of values, possibly fractional.
    """
    within = n + _TIGHTEST
    return math.sqrt(within * math.log(within / _TIGHTEST / _ERROR**2)) / n
