"""Workers that sleep instead of training; Ray's workers import this."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from tiernas.executors.executor import EpochDone, Event, Finished, Job
from tiernas.executors.ray_client import Client

EPOCHS = 4
"""Epochs of a simulated training run; each is an event."""


def draw(job: Job) -> tuple[float, float]:
    """Duration, as a multiple of the mean, and accuracy of a job: the same for the same network.

    The duration is uniform in 0.5 to 1.5. The accuracy grows with the filters of the network, which the latency limit
    opposes, and has an unexplained part.
    """
    first, second = hashlib.sha256(job.architecture.encode()).digest()[:2]
    filters = sum(int(part.split(",")[0].strip(" }")) for part in job.architecture.split('"filters":')[1:])
    return 0.5 + first / 255, filters / (filters + 500) + 0.05 * second / 255


def simulate(job: Job, send: Callable[[Event], None]) -> None:
    """Sleeps instead of training for `job.recipe["seconds"]` on average, and records when it began and ended."""
    duration, accuracy = draw(job)
    began_s = time.time()
    for epoch in range(1, EPOCHS + 1):
        time.sleep(duration * job.recipe["seconds"] / EPOCHS)
        send(EpochDone(job.id, epoch))
    send(Finished(job.id, accuracy, {"began_s": began_s, "ended_s": time.time()}))


class SimulatedClient(Client):
    """A worker that needs no core: many live in one process, as threads."""

    def work(self, job: Job, data: Sequence[Any], send: Callable[[Event], None]) -> None:
        simulate(job, send)
