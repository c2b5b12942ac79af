"""One process among several that train a candidate together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of a process among those that train one candidate together, all on one machine.

    Attributes:
        rank: Of this process, from 0; the first one writes the checkpoints and reports.
        size: How many processes there are.
        meeting: A folder of this machine, new for each training.
    """

    rank: int
    size: int
    meeting: str

    @property
    def rendezvous(self) -> str:
        """Where the processes find each other, as `torch.distributed.init_process_group` wants it."""
        return f"file://{self.meeting}/rendezvous"

    @property
    def checkpoints(self) -> Path:
        """Folder for checkpoints that are kept at a URL."""
        return Path(self.meeting) / "checkpoints"
