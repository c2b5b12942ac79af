"""The disk and memory that a search needs, and what this machine has."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from tiernas.config import SearchConfig
from tiernas.plan.basis import Basis
from tiernas.plan.search_plan import SearchPlan
from tiernas.training.memory import machine_memory_bytes

_BYTES_OF_A_WEIGHT = 4

_CHECKPOINTS = 2 * 4
"""Two checkpoints of each running training run, each with weights, their average and two moments."""

_FILES_OF_AN_ENTRY = 4
"""Weights, the deployed network and what the engine needs to run it, in the output folder and in the table."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a search needs and what there is, in bytes.

    Attributes:
        disk: Size of the files that the search writes.
        free: Free space on the disk of the output folder.
        memory: Memory of all workers and the server at the same time; None if unknown.
        machine: Memory of this machine.
    """

    disk: float
    free: int
    memory: float | None
    machine: int

    @classmethod
    def of(cls, config: SearchConfig, basis: Basis, plan: SearchPlan) -> Self:
        """The needs of a search that is planned."""
        pace, workers = basis.pace, plan.workers
        weights = _BYTES_OF_A_WEIGHT * (pace.params if pace else 0.0)
        trained = sum(part.networks for part in plan.parts if part.epochs is not None)
        entries = config.finalists.per_tier * len(config.tier_list())
        kept = trained + _CHECKPOINTS * workers.known + _FILES_OF_AN_ENTRY * entries
        output = config.study.output
        there = next(path for path in (output, *output.parents) if path.exists())
        memory = None
        if pace is not None and pace.memory_mb is not None and workers.here:
            memory = (workers.known + 1) * pace.memory_mb * 1e6
        return cls(
            basis.data.decoded_bytes + kept * weights, shutil.disk_usage(there).free, memory, machine_memory_bytes()
        )

    @property
    def words(self) -> str:
        """Such as "1.2 GB on disk (80 GB free), 2.1 GB of memory (of 8 GB)"."""
        disk = f"{_gb(self.disk)} on disk ({_gb(self.free)} free)"
        return disk if self.memory is None else f"{disk}, {_gb(self.memory)} of memory (of {_gb(self.machine)})"

    @property
    def warnings(self) -> Iterator[str]:
        """What there is too little of, a line each."""
        if self.disk > self.free:
            yield (
                f"the search writes about {_gb(self.disk)}, and its disk has {_gb(self.free)} free: free space, move "
                "study.output to a larger disk, or lower data.image_size"
            )
        if self.memory is not None and self.memory > self.machine:
            yield (
                f"the workers need about {_gb(self.memory)} of memory, and this machine has {_gb(self.machine)}: lower "
                "workers.count or recipe.batch_size"
            )

    def to_dict(self) -> dict[str, Any]:
        """The values, serializable as JSON, in MB (1e6 bytes)."""
        return {
            "disk_mb": self.disk / 1e6,
            "disk_free_mb": self.free / 1e6,
            "memory_mb": None if self.memory is None else self.memory / 1e6,
            "machine_memory_mb": self.machine / 1e6,
        }


def _gb(size: float) -> str:
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.3g} GB"
