"""How well scores of networks predict their accuracy: Kendall's tau and regret, resampled over networks.

All resamples of one number of networks are the same, so differences between scores are paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the ends of its 95 % bootstrap interval over networks."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, resampled: FloatArray) -> Estimate:
        low, high = np.percentile(resampled, [2.5, 97.5])
        return cls(*(round(float(number), 3) for number in (value, low, high)))

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


@cache
def resampled_rows(networks: int, seed: int = 0) -> IntArray:
    """Rows of networks drawn with replacement, `RESAMPLES x networks`."""
    return np.random.default_rng(seed).integers(0, networks, (RESAMPLES, networks))


def tau(scores: FloatArray, accuracy: FloatArray) -> float:
    """Kendall's tau-b of `n` scores and accuracies; scores may be infinite."""
    return float(_taus(scores, accuracy, np.ones((1, len(scores))))[0])


def resampled_taus(scores: FloatArray, accuracy: FloatArray, seed: int = 0) -> FloatArray:
    """Kendall's tau-b in every resample, `(RESAMPLES,)`."""
    return _taus(scores, accuracy, _counts(len(scores), seed))


def regret(scores: FloatArray, accuracy: FloatArray, top: int = 1) -> float:
    """Accuracy lost by choosing the best of the `top` networks with the highest scores."""
    best_looking = np.argsort(-scores, kind="stable")[:top]
    return float(accuracy.max() - accuracy[best_looking].max())


def mean_regret(scores: FloatArray, accuracy: FloatArray, seed: int = 0) -> float:
    """Mean regret of the highest score over all resamples: one draw of networks says little about regret."""
    rows = resampled_rows(len(scores), seed)
    chosen = np.take_along_axis(accuracy[rows], scores[rows].argmax(1)[:, None], 1)[:, 0]
    return float((accuracy[rows].max(1) - chosen).mean())


@cache
def _counts(networks: int, seed: int) -> FloatArray:
    """How often each network is in each resample, `RESAMPLES x networks`."""
    rows = resampled_rows(networks, seed)
    return np.apply_along_axis(np.bincount, 1, rows, minlength=networks).astype(float)


def _taus(scores: FloatArray, accuracy: FloatArray, counts: FloatArray) -> FloatArray:
    """Tau-b of samples that have each network `counts` times (`samples x n`).

    A network is tied with itself in both orders, and such pairs do not count. 0 for a sample in which all scores or all
    accuracies are equal.
    """
    ours, theirs = _orders(scores), _orders(accuracy)

    def pairs(kind: FloatArray) -> FloatArray:
        found: FloatArray = ((counts @ kind) * counts).sum(axis=1)
        return found

    most = np.sqrt(pairs(ours**2) * pairs(theirs**2))
    return np.divide(pairs(ours * theirs), most, out=np.zeros(len(counts)), where=most > 0)


def _orders(values: FloatArray) -> FloatArray:
    """Signs of the differences between all values, `n x n`."""
    ranks = stats.rankdata(values)
    return np.sign(ranks[:, None] - ranks[None])
