"""How much faster or more accurate a network is than its alternatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Point:
    """Latency and accuracy of a network.

    Attributes:
        name: Its name.
        latency_ms: Its latency.
        accuracy: Its accuracy, 0 to 1.
    """

    name: str
    latency_ms: float
    accuracy: float


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other point beats in both latency and accuracy, the fastest first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.latency_ms, -p.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def speed_up(found: Point, others: Sequence[Point]) -> float:
    """How many times as fast as others a network is at equal accuracy; infinite if none is as accurate.

    The logarithm of the latency is interpolated between neighbors on the front.
    """
    best = front(others)
    if found.accuracy > best[-1].accuracy:
        return math.inf
    at = np.interp(found.accuracy, [p.accuracy for p in best], [math.log(p.latency_ms) for p in best])
    return math.exp(float(at)) / found.latency_ms


def points_more(found: Point, others: Sequence[Point]) -> float:
    """How many points more accurate than others a network is at equal latency; infinite if none is as fast."""
    best = front(others)
    if found.latency_ms < best[0].latency_ms:
        return math.inf
    at = np.interp(math.log(found.latency_ms), [math.log(p.latency_ms) for p in best], [p.accuracy for p in best])
    return 100 * (found.accuracy - float(at))
