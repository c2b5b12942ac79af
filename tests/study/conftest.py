"""An executor whose workers take simulated time, so that the loop of a study runs in any order in milliseconds."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tiernas.blocks.rows import IntArray
from tiernas.executors import Event, Executor, Finished, Job, Placement
from tiernas.ledger import Candidate, Ledger, Purpose, Study
from tiernas.search import RegularizedEvolution
from tiernas.spaces import architecture_from_json, get_space
from tiernas.study import Proposals, Screen, Trainings

SPACE = get_space("gpunet-small")


def accuracy_of(architecture: str) -> float:
    """Something between 0 and 1 that depends on the network alone."""
    return int(architecture_from_json(architecture).digest[:6], 16) / 16**6


class Simulated(Executor):
    """Workers that report one event at a time, in the order of a simulated clock.

    Args:
        workers: How many.
        duration_s: Simulated time of a job.
    """

    def __init__(self, workers: int, duration_s: Callable[[Job], float]) -> None:
        self.now_s = 0.0
        self.jobs: list[Job] = []
        self._workers = workers
        self._duration_s = duration_s
        self._running: list[tuple[float, int, Job]] = []

    @property
    def clients(self) -> int:
        return self._workers

    @property
    def free(self) -> int:
        return self._workers - len(self._running)

    def submit(self, job: Job) -> Placement:
        self.jobs.append(job)
        heapq.heappush(self._running, (self.now_s + self._duration_s(job), job.id, job))
        return Placement("simulated", "simulated")

    def poll(self, timeout_s: float) -> Sequence[Event]:
        self.now_s, _, job = heapq.heappop(self._running)
        return [self.end(job)]

    def end(self, job: Job) -> Event:
        return Finished(job.id, accuracy_of(job.architecture), {"duration_s": 1.0})

    def cancel(self, job_id: int) -> None:
        self._running = [entry for entry in self._running if entry[1] != job_id]
        heapq.heapify(self._running)

    def close(self) -> None:
        self._running = []


def half_a_millisecond(vectors: IntArray) -> npt.NDArray[np.float64]:
    return np.full(len(vectors), 0.5)


def proposals(ledger: Ledger, study: Study, pending: int | None, history: Sequence[Candidate] = ()) -> Proposals:
    """Proposals of an optimizer that follows the order of what it is told at once."""
    optimizer = RegularizedEvolution(
        SPACE.levels,
        pool=SPACE.to_levels(SPACE.sample(256)),
        canonical=lambda rows: SPACE.to_levels(SPACE.canonical(SPACE.from_levels(rows))),
        population_size=3,
        sample_size=2,
    )
    return Proposals(ledger, study, SPACE, optimizer, half_a_millisecond, pending, history)


def trainings(ledger: Ledger, executor: Executor, screen: Screen | None = None) -> Trainings:
    """The loop, with nothing but an executor."""

    def watch(study: Study, purpose: Purpose, candidates: Sequence[Candidate], wanted: int) -> None:
        assert [c.index for c in candidates] == list(range(len(candidates)))

    recipes = {purpose: {"epochs": 9} for purpose in Purpose}
    return Trainings(ledger, executor, SPACE, {}, recipes, 7, Path("."), lambda: False, watch, screen)
