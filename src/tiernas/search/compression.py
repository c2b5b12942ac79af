"""How low observations are kept from hiding what tells good ones apart."""

from __future__ import annotations

import numpy as np

from tiernas.search.lattice import FloatArray


def compress(y: FloatArray) -> FloatArray:
    """Compresses observations below the median; the others and the order of all stay as they are.

    With the median `m` and `s = max y - m`, a value below `m` becomes `m - s ln(1 + (m - y) / s)`: close to the median
    nothing changes, and however bad a row is, it is only a little worse than bad ones. One network in four of a space
    may not learn at all; a Gaussian process that has to explain these too says little of the good ones. Half of the
    "bilog" of D. Eriksson, M. Poloczek: Scalable constrained Bayesian optimization. AISTATS 2021, arXiv 2002.08526.

    Args:
        y: `n` finite values, `n >= 1`.

    Returns:
        `n` values.
    """
    median = np.median(y)
    scale = y.max() - median
    if scale <= 0:
        return y
    compressed: FloatArray = np.where(y < median, median - scale * np.log1p(np.maximum(median - y, 0.0) / scale), y)
    return compressed
