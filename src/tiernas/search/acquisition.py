"""How much a row is worth evaluating."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfcx, ndtr

from tiernas.search.lattice import FloatArray

_FAR = 1e4
"""Standard deviations below the best beyond which `1 - u sqrt(pi/2) erfcx(u / sqrt 2)` is lost in rounding; its
asymptote `1 / u^2` is exact to 7 digits there."""

_ROOT_2_PI = math.sqrt(2.0 * math.pi)


def log_expected_improvement(mean: FloatArray, variance: FloatArray, best: float) -> FloatArray:
    """Logarithm of `E max(f - best, 0)` for normally distributed values.

    With `u = (mean - best) / deviation` it is `ln deviation + ln(phi(u) + u Phi(u))`. Far below the best the second
    term is computed as `ln phi(u) + ln(1 + u sqrt(pi/2) erfcx(-u / sqrt 2))`, so that even hopeless rows are
    ordered: S. Ament et al.: Unexpected improvements to expected improvement for Bayesian optimization. NeurIPS 2023,
    arXiv 2310.20708.

    Args:
        mean: `m` posterior means.
        variance: `m` posterior variances, positive.
        best: The value to improve on.

    Returns:
        `m` values.
    """
    deviation = np.sqrt(variance)
    u = (mean - best) / deviation
    value = np.empty_like(u)
    near = u > -1.0
    value[near] = np.log(np.exp(-0.5 * u[near] ** 2) / _ROOT_2_PI + u[near] * ndtr(u[near]))
    below = -u[~near]
    close = np.minimum(below, _FAR)
    rest = 1.0 - close * math.sqrt(math.pi / 2.0) * erfcx(close / math.sqrt(2.0))
    tail = np.where(below < _FAR, np.log(rest), -2.0 * np.log(below))
    value[~near] = -0.5 * below**2 - math.log(_ROOT_2_PI) + tail
    return value + np.log(deviation)
