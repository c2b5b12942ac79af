"""How low observations are kept from hiding what tells good ones apart."""

from __future__ import annotations

import numpy as np

from tiernas.search.lattice import FloatArray

FEW = 50
"""Up to so many observations the few good ones count alone: what is usual, and how large the noise is, they do not tell
yet (docs/search.md)."""


def compress(y: FloatArray) -> FloatArray:
    """Compresses observations far below the others; the rest and the order of all stay as they are.

    Far is below a fence `f`: one interquartile range below the lower quartile or, up to 50 observations, the median
    `m`. With `s = max y - m` a value below it becomes `f - s ln(1 + (f - y) / s)`: however bad a row is, it is only a
    little worse than bad ones. One network in four of a space may not learn at all; a Gaussian process that has to
    explain these too says little of the good ones. Half of the "bilog" of D. Eriksson, M. Poloczek: Scalable
    constrained Bayesian optimization. AISTATS 2021, arXiv 2002.08526. Compressing all below the median makes noise look
    larger than it is: with many observations the search would be content too early (docs/search.md).

    Args:
        y: `n` finite values, `n >= 1`.

    Returns:
        `n` values.
    """
    lower, median, upper = np.quantile(y, [0.25, 0.5, 0.75])
    scale = y.max() - median
    if scale <= 0:
        return y
    fence = median if len(y) <= FEW else lower - (upper - lower)
    with np.errstate(over="ignore"):  # the best may be above the median by next to nothing
        below = np.minimum(np.maximum(fence - y, 0.0) / scale, np.finfo(np.float64).max)
    compressed: FloatArray = np.where(y < fence, fence - scale * np.log1p(below), y)
    return compressed
