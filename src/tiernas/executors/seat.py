"""One process among several that train a candidate together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of a process among those that train one candidate together, all on one machine.

    Attributes:
        rank: Rank of this process, from 0; the first one writes the checkpoints and reports.
        size: Number of processes.
        meeting: A folder on this machine, new for each training run.
    """

    rank: int
    size: int
    meeting: str

    @property
    def rendezvous(self) -> str:
        """Where the processes meet, as an argument of `torch.distributed.init_process_group`."""
        return f"file://{self.meeting}/rendezvous"

    @property
    def checkpoints(self) -> Path:
        """Local folder for checkpoints that are kept at a URL."""
        return Path(self.meeting) / "checkpoints"
