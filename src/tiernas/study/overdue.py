"""Which training runs take too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_EPOCHS = 20
"""A training run without a new epoch for this many times the longest one so far hangs: networks of one tier, and
workers, differ by less."""

_LEAST_S = 3600.0
"""If epochs are short, other delays between two of them (busy storage that answers late) take longer."""

_UNKNOWN_S = 86400.0
"""Time for an epoch while no duration is known; the first one may decode the data."""


@dataclass(slots=True)
class _Attempt:
    began_s: float
    ahead_s: float


class Overdue:
    """The durations of training runs.

    Args:
        limit_s: Limit for a whole attempt; None for none, then an attempt without a new epoch for very long is overdue.
        clock: Monotonic seconds.
    """

    def __init__(self, limit_s: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._attempts: dict[int, _Attempt] = {}
        self._longest_s = 0.0

    def begins(self, candidate: int) -> None:
        """Called when an attempt begins."""
        self._attempts[candidate] = _Attempt(self._clock(), self._clock())

    def got_ahead(self, candidate: int) -> None:
        """Called when an attempt has completed an epoch."""
        attempt, now_s = self._attempts[candidate], self._clock()
        self._longest_s = max(self._longest_s, now_s - attempt.ahead_s)
        attempt.ahead_s = now_s

    def ends(self, candidate: int) -> None:
        """Called when an attempt has ended."""
        del self._attempts[candidate]

    def overdue(self) -> Sequence[tuple[int, str]]:
        """The candidates whose attempts take too long, with the reason."""
        now_s = self._clock()
        if self._limit_s is not None:
            reason = f"took longer than workers.time_limit_minutes = {self._limit_s / 60:.4g}"
            return [(c, reason) for c, a in self._attempts.items() if now_s - a.began_s > self._limit_s]
        silent_s = max(_LEAST_S, _EPOCHS * self._longest_s) if self._longest_s else _UNKNOWN_S
        longest = f", and the longest so far took {self._longest_s / 60:.3g}" if self._longest_s else ""
        reason = f"hangs: no epoch for {silent_s / 60:.4g} minutes{longest}; workers.time_limit_minutes sets a limit"
        return [(c, reason) for c, a in self._attempts.items() if now_s - a.ahead_s > silent_s]
