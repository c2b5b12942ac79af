"""Keeps low observations from hiding the differences between good ones."""

from __future__ import annotations

import numpy as np

from tiernas.search.lattice import FloatArray

FEW = 50
"""Up to this many observations, only the few good ones count: a small sample does not show yet what is usual and how
large the noise is (docs/search.md)."""


def compress(y: FloatArray) -> FloatArray:
    """Compresses observations far below the others; the other values, and the order of all, do not change.

    Far means below a fence `f`: one interquartile range below the lower quartile or, up to 50 observations, the median
    `m`. With `s = max y - m` a value below it becomes `f - s ln(1 + (f - y) / s)`, so an extremely bad row is only a
    little worse than a bad one. One network in four of a space may not learn at all; a Gaussian process that has to
    explain these too says little about the good ones. This is half of the "bilog" of D. Eriksson, M. Poloczek: Scalable
    constrained Bayesian optimization. AISTATS 2021, arXiv 2002.08526. Compressing everything below the median makes the
    noise look larger than it is: with many observations the search would settle too early (docs/search.md).

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
    with np.errstate(over="ignore"):  # the best may exceed the median by next to nothing
        below = np.minimum(np.maximum(fence - y, 0.0) / scale, np.finfo(np.float64).max)
    compressed: FloatArray = np.where(y < fence, fence - scale * np.log1p(below), y)
    return compressed
