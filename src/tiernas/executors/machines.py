"""Machines that get no jobs for a while: something on them must be mended first."""

from __future__ import annotations

import time
from collections.abc import Collection

from tiernas.executors.executor import Blocked, Event, Failed, Lost

_IN_A_ROW = 3
"""Trainings that end one after the other on a machine, before any of them got ahead, which are not its networks'
fault: so many different networks are not bad at once."""

_HOW = "Mend that; what failed by it, if anything did, comes back with: tiernas control requeue CONFIG.toml --failed"


class Machines:
    """Which machines can be relied on, by what becomes of the jobs on them.

    A machine is set aside where a job on it is blocked, or where three in a row, each a loss or a failure of another
    candidate, end before one of them got ahead. It rests for a while and is tried again then; it counts as unreliable
    until a job on it has got ahead.

    Args:
        rest_s: How long a machine gets no job.
    """

    def __init__(self, rest_s: float) -> None:
        self.rest_s = rest_s
        self._until_s: dict[str, float] = {}
        self._in_a_row: dict[str, list[tuple[int, int]]] = {}
        self._losses = 0

    def rests(self, machine: str) -> bool:
        """Whether a machine gets no job now."""
        return self._until_s.get(machine, 0.0) > time.monotonic()

    def judged(self, machine: str, event: Event, others: Collection[str]) -> Event:
        """What an event means, given what happened on its machine before.

        Args:
            machine: Where its job ran.
            event: What is reported of it.
            others: The machines that are there.

        Returns:
            The event; or, where the machine is set aside, that its job is lost, and where none of them can be relied
            on, that it is blocked.
        """
        reason = self._why_set_aside(machine, event)
        if reason is None:
            return event
        self._until_s[machine] = time.monotonic() + self.rest_s
        if all(other in self._until_s for other in others):
            self.clear()  # whoever goes on has mended it
            return Blocked(event.job_id, reason if isinstance(event, Blocked) else f"{reason}. {_HOW}")
        return Lost(event.job_id, reason)

    def clear(self) -> None:
        """Forgets all machines: the user has mended them, or they are others."""
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
            case _:  # it got ahead; while it rests that says little
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
            f"{_IN_A_ROW} trainings in a row ended before one got ahead, not by the networks' fault; the last: {reason}"
        )
