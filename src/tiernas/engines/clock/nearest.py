"""Which of several anchors is of a network's size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


def nearest_anchor(
    network_ms: float, work: Sequence[float], known_ms: dict[int, float], about_ms: Callable[[int], float]
) -> int:
    """The anchor whose latency is nearest to a network's.

    Only as many anchors are looked at as necessary: the latency of another one is taken to be that of the nearest known
    one, in proportion to their work.

    Args:
        network_ms: Approximate latency of the network.
        work: Multiply-accumulates of each anchor.
        known_ms: Approximate latencies of anchors, by their numbers; added to.
        about_ms: The approximate latency of an anchor by its number.

    Returns:
        Its number.
    """

    def estimated_ms(number: int) -> float:
        near = min(known_ms, key=lambda known: abs(math.log(work[known] / work[number])))
        return known_ms[near] * work[number] / work[near]

    number = min(known_ms, default=0)
    while True:
        if number not in known_ms:
            known_ms[number] = about_ms(number)
        number = min(range(len(work)), key=lambda i: abs(math.log(estimated_ms(i) / network_ms)))
        if number in known_ms:
            return number
