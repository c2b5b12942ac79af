"""A mean that bursts of load do not move."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def trimmed_mean(values: npt.ArrayLike, share: float) -> float:
    """The mean of `n` values without `floor(share n)` of them at both ends.

    Args:
        values: `n` numbers.
        share: Share that is cut off at each end, below 0.5.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    cut = int(share * len(ordered))
    return float(ordered[cut : len(ordered) - cut].mean())
