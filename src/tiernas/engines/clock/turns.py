"""Two networks that take turns."""

from __future__ import annotations

import numpy as np

from tiernas.engines.timed import TimedNetwork
from tiernas.errors import TiernasError

TURN_MS = 10.0
"""A turn of a fast network is as many inferences as take this long."""

FAST_MS = 20.0
"""A network faster than this runs once untimed at the start of its turn, to refill the caches."""

_PROBES = 3
"""Number of inferences that determine a network's approximate latency."""


class Player:
    """A network that takes turns.

    Args:
        network: The compiled network.

    Attributes:
        about_ms: Its approximate latency, from a few inferences.
        is_fast: Whether it is so fast that cache contents and placement in memory matter.
        inferences_ms: All timed inferences of its turns.
    """

    def __init__(self, network: TimedNetwork) -> None:
        self._network = network
        self.inferences_ms: list[float] = []
        self.about_ms = about_ms(network)
        self._timed = max(1, round(TURN_MS / self.about_ms))
        self.is_fast = self.about_ms < FAST_MS

    def turn_ms(self) -> float:
        """Runs one turn and returns the median of its timed inferences."""
        if self.is_fast:
            self._network.time_ns()
        times_ms = [_time_ms(self._network) for _ in range(self._timed)]
        self.inferences_ms += times_ms
        return float(np.median(times_ms))

    def reload(self) -> None:
        """Reloads the network."""
        self._network.reload()
        self._network.time_ns()  # warm-up: the first inference is slower


def about_ms(network: TimedNetwork) -> float:
    """The approximate latency of a network, from a few inferences."""
    network.time_ns()
    return min(_time_ms(network) for _ in range(_PROBES))


def _time_ms(network: TimedNetwork) -> float:
    time_ns = network.time_ns()
    if time_ns <= 0:
        raise TiernasError("an inference took less time than the clock can resolve; nothing was measured")
    return time_ns / 1e6
