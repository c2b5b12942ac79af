"""Simulated workers in the server's own process: the loop without Ray, to separate the costs."""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence

from simulated_client import EPOCHS, draw

from tiernas.executors import EpochDone, Event, Executor, Finished, Job, Placement


class InProcessExecutor(Executor):
    """Workers on the wall clock, as a heap of times at which something happens."""

    def __init__(self, clients: int) -> None:
        self._clients = clients
        self._idle = [f"simulated:{i}" for i in range(clients)]
        self._coming: list[tuple[float, int, Event]] = []
        self._workers: dict[int, str] = {}
        self._submitted = 0

    @property
    def clients(self) -> int:
        return self._clients

    @property
    def free(self) -> int:
        return len(self._idle)

    def submit(self, job: Job) -> Placement:
        duration, accuracy = draw(job)
        began_s, took_s = time.time(), duration * job.recipe["seconds"]
        result = {"began_s": began_s, "ended_s": began_s + took_s}
        for epoch in range(1, EPOCHS + 1):
            self._comes(began_s + took_s * epoch / EPOCHS, EpochDone(job.id, epoch))
        self._comes(began_s + took_s, Finished(job.id, accuracy, result))
        self._workers[job.id] = self._idle.pop()
        return Placement(self._workers[job.id], "simulated")

    def _comes(self, when_s: float, event: Event) -> None:
        self._submitted += 1
        heapq.heappush(self._coming, (when_s, self._submitted, event))

    def poll(self, timeout_s: float) -> Sequence[Event]:
        next_s = self._coming[0][0] - time.time() if self._coming else timeout_s
        time.sleep(max(0.0, min(timeout_s, next_s)))
        events = []
        while self._coming and self._coming[0][0] <= time.time():
            event = heapq.heappop(self._coming)[2]
            if isinstance(event, Finished):
                self._idle.append(self._workers.pop(event.job_id))
            events.append(event)
        return events

    def cancel(self, job_id: int) -> None:
        if job_id in self._workers:
            self._idle.append(self._workers.pop(job_id))
            self._coming = [entry for entry in self._coming if entry[2].job_id != job_id]
            heapq.heapify(self._coming)

    def close(self) -> None:
        self._coming, self._workers = [], {}
