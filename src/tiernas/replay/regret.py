"""The regret of a search, one training run after the other."""

import numpy as np

from tiernas.search.lattice import FloatArray


def best_so_far_regret(true: FloatArray, best: float) -> FloatArray:
    """The regret of the best row found so far.

    Args:
        true: `n` true values in the order in which the training runs ended.
        best: The best known value.

    Returns:
        `n` regrets, falling.
    """
    regret: FloatArray = best - np.maximum.accumulate(true)
    return regret


def incumbent_regret(true: FloatArray, observed: FloatArray, best: float) -> FloatArray:
    """The regret of the row that would be chosen: the one with the best observation so far.

    Args:
        true: `n` true values in the order in which the training runs ended.
        observed: `n` observations of them, NaN for failures.
        best: The best known value.

    Returns:
        `n` regrets; they may rise, if noise made a row look better than it is. Infinite until one succeeds.
    """
    score = np.where(np.isnan(observed), -np.inf, observed)
    leads = np.maximum.accumulate(score)
    is_new = np.append(True, leads[1:] > leads[:-1])
    chosen = np.maximum.accumulate(np.where(is_new, np.arange(len(score)), 0))
    regret: FloatArray = np.where(np.isneginf(leads), np.inf, best - true[chosen])
    return regret
