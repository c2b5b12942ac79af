"""Machines that get no jobs because something on them must be mended first."""

from __future__ import annotations

import time


class SetAside:
    """Machines on which a job was blocked.

    Each rests for a while and is then tried again; it counts as blocked until a job on it has got ahead.

    Args:
        rest_s: How long a machine gets no job.
    """

    def __init__(self, rest_s: float) -> None:
        self.rest_s = rest_s
        self._until_s: dict[str, float] = {}

    def add(self, machine: str) -> None:
        """Records that a job was blocked on a machine."""
        self._until_s[machine] = time.monotonic() + self.rest_s

    def rests(self, machine: str) -> bool:
        """Whether a machine gets no job now."""
        return self._until_s.get(machine, 0.0) > time.monotonic()

    def is_blocked(self, machine: str) -> bool:
        """Whether the last that was seen of a machine is that it is blocked."""
        return machine in self._until_s

    def got_ahead(self, machine: str) -> None:
        """Records that a job on a machine wrote a checkpoint; while it rests that says little."""
        if not self.rests(machine):
            self._until_s.pop(machine, None)

    def clear(self) -> None:
        """Forgets all machines: the user has mended them, or they are others."""
        self._until_s.clear()
