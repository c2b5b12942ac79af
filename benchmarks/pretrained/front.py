"""How much faster or more accurate a network is than its alternatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiernas.table.speed_up import times_as_fast
from tiernas.table.ties import pareto_front

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Latency and accuracy of a network.

    Attributes:
        name: Its name.
        latency_ms: Its latency.
        right: For each of `n` test images, the fraction of the training runs that classify it correctly.
    """

    name: str
    latency_ms: float
    right: FloatArray

    @property
    def accuracy(self) -> float:
        """Mean accuracy of the training runs, 0 to 1."""
        return float(self.right.mean())


def speed_up(found: Point, others: Sequence[Point]) -> float:
    """How many times as fast as others a network is at equal accuracy; infinite if none is as accurate.

    The logarithm of the latency is interpolated between neighbors on the front.
    """
    latencies_ms, accuracies = [other.latency_ms for other in others], [other.accuracy for other in others]
    return times_as_fast(found.latency_ms, found.accuracy, latencies_ms, accuracies)


def points_more(found: Point, others: Sequence[Point]) -> tuple[float, float]:
    """How many points more accurate than others a network is at equal latency, and the standard error over images.

    The accuracy is interpolated between neighbors on the front, by the logarithm of the latency. All networks classify
    the same images, so the error is that of the differences. Infinite if no other network is as fast.
    """
    best = pareto_front(others)
    logs, at = [math.log(p.latency_ms) for p in best], math.log(found.latency_ms)
    if at < logs[0]:
        return math.inf, math.nan
    slower = min(int(np.searchsorted(logs, at, side="right")), len(best) - 1)
    faster = max(slower - 1, 0)
    share = float(np.interp(at, [logs[faster], logs[slower]], [0.0, 1.0])) if faster < slower else 1.0
    expected = (1 - share) * best[faster].right + share * best[slower].right
    differences = 100 * (found.right - expected)
    return float(differences.mean()), float(differences.std(ddof=1) / math.sqrt(len(differences)))
