"""Machines that get no jobs for a while, because something on them must be fixed first."""

from __future__ import annotations

import time
from collections.abc import Collection

from tiernas.executors.executor import Blocked, Event, Failed, Lost

_IN_A_ROW = 3
"""Number of training runs in a row that end on a machine before any of them made progress, until it is attributed to
the machine: that many different networks are not bad in a row."""

_HOW = "Fix that; restore candidates that failed because of it with: tiernas control requeue CONFIG.toml --failed"


class Machines:
    """Which machines can be relied on, judged by the jobs on them.

    A machine is set aside if a job on it is blocked, or if three jobs in a row, each lost or each a failure of another
    candidate, end before one of them made progress. It gets no jobs for a while and is then tried again; it counts as
    unreliable until a job on it has made progress.

    Args:
        rest_s: How long a machine that was set aside gets no jobs.
    """

    def __init__(self, rest_s: float) -> None:
        self.rest_s = rest_s
        self._until_s: dict[str, float] = {}
        self._in_a_row: dict[str, list[tuple[int, int]]] = {}
        self._losses = 0

    def rests(self, machine: str) -> bool:
        """Whether a machine is set aside now."""
        return self._until_s.get(machine, 0.0) > time.monotonic()

    def judged(self, machine: str, event: Event, others: Collection[str]) -> Event:
        """What an event means, given what happened on its machine before.

        Args:
            machine: The machine of its job.
            event: The reported event.
            others: The available machines.

        Returns:
            The event; or, if the machine is set aside, `Lost`; or, if no machine can be relied on, `Blocked`.
        """
        reason = self._why_set_aside(machine, event)
        if reason is None:
            return event
        self._until_s[machine] = time.monotonic() + self.rest_s
        if all(other in self._until_s for other in others):
            self.clear()  # whoever resumes has fixed it
            return Blocked(event.job_id, reason if isinstance(event, Blocked) else f"{reason}. {_HOW}")
        return Lost(event.job_id, reason)

    def clear(self) -> None:
        """Forgets all machines: the user has fixed them, or they are others."""
        self._until_s.clear()
        self._in_a_row.clear()

    def _why_set_aside(self, machine: str, event: Event) -> str | None:
        match event:
            case Blocked(reason=reason):
                return reason
            case Lost(reason=reason):
                self._losses += 1
                bad = event.job_id, self._losses
            case Failed(reason=reason, retry=True):
                bad = event.job_id, 0
            case _:  # it made progress; while it is set aside that says little
                self._in_a_row.pop(machine, None)
                if not self.rests(machine):
                    self._until_s.pop(machine, None)
                return None
        row = self._in_a_row.setdefault(machine, [])
        if bad not in row:
            row.append(bad)
        if len(row) < _IN_A_ROW:
            return None
        del self._in_a_row[machine]
        return (
            f"{_IN_A_ROW} training runs in a row ended without progress, not by the networks' fault; the last: {reason}"
        )
