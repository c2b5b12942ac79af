"""The workers that a search will have, as far as that is known before it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

from tiernas.config import SearchConfig


@dataclass(frozen=True, slots=True)
class Workers:
    """Where candidates are trained.

    Attributes:
        count: Number of workers; None if the cluster decides it.
        gpus: GPUs of each.
        here: Whether they are on this machine.
    """

    count: int | None
    gpus: float = 0
    here: bool = True

    @classmethod
    def of(cls, config: SearchConfig) -> Self:
        """The workers of a search."""
        wanted = config.workers
        if wanted.executor == "local":
            return cls(wanted.local_processes)
        here = wanted.address is None
        fit = max(1, int(len(os.sched_getaffinity(0)) / wanted.cpus)) if here and wanted.cpus else None
        return cls(wanted.count or (None if wanted.gpus else fit), wanted.gpus, here)

    @property
    def known(self) -> int:
        """Number of workers, at least those that are known."""
        return self.count or 1

    @property
    def step_processes(self) -> int:
        """Number of processes in which training steps are measured at the same time."""
        return self.known if self.here and not self.gpus else 1

    @property
    def steps_device(self) -> str | None:
        """The device on which this machine can measure their training steps; None if it has no GPU as they have."""
        if not self.gpus:
            return "cpu"
        import torch

        return "cuda" if torch.cuda.is_available() else None

    def at_once(self, most: int | None = None) -> int:
        """Number of networks that are trained at the same time.

        Args:
            most: The most that may be, if that is limited.
        """
        return self.known if most is None else min(self.known, most)

    @property
    def words(self) -> str:
        """Such as "2 workers"."""
        if self.count is None:
            return "each worker of the cluster"
        return "1 worker" if self.count == 1 else f"{self.count} workers"
