from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from tiernas.executors import EpochDone, Event, Failed, Finished, Job, LocalExecutor, Paused
from tiernas.spaces import get_space

SPACE = get_space("gpunet-small")
LIGHT = SPACE.decode(
    np.concatenate(
        [
            [32, 8, 3, 0, 1],
            [16, 3, 2, 0, 0, 1],
            [24, 3, 2, 0, 0, 1],
            [32, 3, 2, 0, 0, 1],
            [48, 3, 2, 0, 0, 0],
            [64, 3, 2, 0, 0, 1],
            [96, 3, 2, 0, 0, 0],
        ]
    )
)


def job(folder: Path, number: int = 1, *, epochs: int = 2, test: bool = False, learning_rate: float = 0.005) -> Job:
    return Job(
        id=number,
        architecture=LIGHT.to_json(),
        data={"kind": "digits", "train_limit": 300},
        recipe={"epochs": epochs, "learning_rate": learning_rate},
        seed=0,
        checkpoint_dir=str(folder / str(number)),
        cache_dir=str(folder / "cache"),
        test=test,
    )


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[LocalExecutor]:
    executor = LocalExecutor(2, tmp_path / "logs")
    with executor:
        yield executor


def events_until_ended(executor: LocalExecutor, jobs: int) -> Sequence[Event]:
    events: list[Event] = []
    while sum(not isinstance(e, EpochDone) for e in events) < jobs:
        events += executor.poll(60)
    return events


def pid_of(worker: str) -> int:
    return int(worker.rpartition(":")[2])


def test_two_candidates_at_once_give_what_each_gives_alone(executor: LocalExecutor, tmp_path: Path) -> None:
    assert executor.free == 2
    workers = {executor.submit(job(tmp_path, i, test=True)) for i in (1, 2)}
    assert len(workers) == 2
    assert executor.free == 0
    events = events_until_ended(executor, 2)
    first, second = sorted((e for e in events if isinstance(e, Finished)), key=lambda e: e.job_id)
    assert first.accuracy == second.accuracy
    assert 0 <= first.result["test_accuracy"] <= 1
    assert [e.epochs for e in events if isinstance(e, EpochDone) and e.job_id == 1] == [1, 2]
    assert executor.free == 2
    assert executor.submit(job(tmp_path, 3)) in workers
    events_until_ended(executor, 1)


def test_a_job_that_pauses_says_how_good_the_network_is_by_then_and_the_next_one_goes_on(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    whole = job(tmp_path, epochs=3)
    executor.submit(replace(whole, stop_epoch=2))
    *epochs, paused = events_until_ended(executor, 1)
    assert epochs == [EpochDone(1, 1), EpochDone(1, 2)]
    assert isinstance(paused, Paused)
    assert (paused.epochs, 0 <= paused.accuracy <= 1) == (2, True)
    assert executor.free == 2
    executor.submit(whole)
    epoch, finished = events_until_ended(executor, 1)
    assert epoch == EpochDone(1, 3)
    assert isinstance(finished, Finished)


def test_divergence_is_reported_with_its_reason_and_not_tried_again(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.submit(job(tmp_path, learning_rate=1e6))
    (failed,) = (e for e in events_until_ended(executor, 1) if isinstance(e, Failed))
    assert "diverged in epoch 1" in failed.reason
    assert not failed.retry


def test_a_killed_worker_is_reported_replaced_and_its_training_continues(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    expected = tmp_path / "uninterrupted"
    executor.submit(job(expected, 1, epochs=6))
    (uninterrupted,) = (e for e in events_until_ended(executor, 1) if isinstance(e, Finished))

    worker = executor.submit(job(tmp_path, 7, epochs=6))
    events: list[Event] = []
    while EpochDone(7, 2) not in events:
        events += executor.poll(60)
    os.kill(pid_of(worker), signal.SIGKILL)
    (failed,) = (e for e in events_until_ended(executor, 1) if isinstance(e, Failed))
    assert (failed.job_id, failed.retry) == (7, True)
    assert "SIGKILL" in failed.reason
    assert executor.free == 2

    assert executor.submit(job(tmp_path, 7, epochs=6)) != worker
    events = list(events_until_ended(executor, 1))
    redone = [e.epochs for e in events if isinstance(e, EpochDone)]
    assert redone[0] >= 3
    (finished,) = (e for e in events if isinstance(e, Finished))
    assert finished.accuracy == uninterrupted.accuracy


def test_workers_end_when_the_server_is_killed(tmp_path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_local import job
from tiernas.executors import LocalExecutor
executor = LocalExecutor(1, Path({str(tmp_path)!r}) / "logs")
print(executor.submit(job(Path({str(tmp_path)!r}), epochs=5000)), flush=True)
while True:
    for event in executor.poll(60):
        print(event, flush=True)
"""
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    worker = pid_of(server.stdout.readline().strip())
    assert "EpochDone" in server.stdout.readline()
    server.kill()
    server.wait()
    deadline = time.monotonic() + 20
    while psutil.pid_exists(worker) and psutil.Process(worker).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the worker outlived its server"
        time.sleep(0.05)
