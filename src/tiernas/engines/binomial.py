"""Quantiles of the binomial distribution, on which the intervals of order statistics rest."""

from __future__ import annotations

import math

import numpy as np


def binomial_quantile(probability: float, n: int, p: float) -> int:
    """The smallest `k` for which at most `k` of `n` trials succeed with at least this probability.

    The logarithms of the single probabilities are sums of `log((n - k + 1) / k) + log(p / (1 - p))`, so nothing
    overflows; scipy, which a device need not have, gives the same.

    Args:
        probability: Between 0 and 1.
        n: Number of independent trials, at least 1.
        p: Probability that a trial succeeds, between 0 and 1.
    """
    k = np.arange(1.0, n + 1.0)
    steps = np.log((n - k + 1.0) / k) + math.log(p / (1.0 - p))
    log_probabilities = n * math.log1p(-p) + np.concatenate(([0.0], np.cumsum(steps)))
    return min(n, int(np.searchsorted(np.cumsum(np.exp(log_probabilities)), probability)))
