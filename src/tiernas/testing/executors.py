"""What every executor must fulfill, as tests: the author of one subclasses `ExecutorConformance`.

```python
class TestMyExecutor(ExecutorConformance):
    @classmethod
    def make(cls, clients: int, folder: Path) -> Executor:
        return MyExecutor(clients, log_dir=folder)
```
"""

from __future__ import annotations

import abc
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from tiernas.executors import Blocked, EpochDone, Event, Executor, Failed, Finished, Job, Paused, Placement
from tiernas.spaces import get_space

_PATIENCE_S = 120
"""Time after which something required has not happened; far longer than it takes on a busy machine."""

_ENDLESS = 100_000
"""Epochs of training that does not end during a test."""

LIGHT = get_space("gpunet-small").decode(
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
"""A network of `gpunet-small` that trains an epoch of digits in a tenth of a second."""


def light_job(folder: Path, number: int = 1, *, epochs: int = 2, learning_rate: float = 0.005) -> Job:
    """Training of `LIGHT` on 300 digits, with its checkpoints in `folder / number`."""
    return Job(
        id=number,
        architecture=LIGHT.to_json(),
        data={"kind": "digits", "train_limit": 300},
        recipe={"epochs": epochs, "learning_rate": learning_rate},
        seed=0,
        checkpoint_dir=str(folder / str(number)),
        cache_dir=str(folder / "cache"),
        test=False,
    )


def events_until(executor: Executor, enough: Callable[[Sequence[Event]], bool]) -> Sequence[Event]:
    """Polls until the events satisfy a condition."""
    events: list[Event] = []
    deadline = time.monotonic() + _PATIENCE_S
    while not enough(events):
        assert time.monotonic() < deadline, f"only {events} came within {_PATIENCE_S} s"
        events += executor.poll(1)
    return events


def ended(number: int) -> Callable[[Sequence[Event]], bool]:
    """Whether this many jobs have ended."""
    return lambda events: sum(not isinstance(event, EpochDone) for event in events) >= number


def wait_until(executor: Executor, condition: Callable[[], bool]) -> None:
    """Polls until a condition holds; no event may arrive meanwhile."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        assert not executor.poll(0.1)


def process_of(placement: Placement) -> psutil.Process:
    """The process of a worker on this machine that is named `HOST:PROCESS`."""
    return psutil.Process(int(placement.worker.rpartition(":")[2]))


def assert_gone(process: psutil.Process) -> None:
    """Asserts that a process has ended, or ends within seconds."""
    deadline = time.monotonic() + 10
    while _runs(process):
        assert time.monotonic() < deadline, f"{process} is still there"
        time.sleep(0.05)


def _runs(process: psutil.Process) -> bool:
    """Whether any thread of a process is left: those of a killed process may outlive the first."""
    try:
        return bool(process.is_running() and (process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1))
    except psutil.NoSuchProcess:
        return False


@contextmanager
def mounted_small_disk(folder: Path) -> Iterator[Path]:
    """A disk that is too small for a checkpoint, mounted on a new folder; skips the test if none can be mounted."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], check=False).returncode != 0:
        pytest.skip("disks cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class ExecutorConformance(abc.ABC):
    """Tests that any implementation of `Executor` must pass; pytest collects the subclass.

    Jobs really train, in worker processes of this machine.
    """

    @classmethod
    @abc.abstractmethod
    def make(cls, clients: int, folder: Path) -> Executor:
        """Builds the executor under test, with this many workers.

        Args:
            clients: Number of workers.
            folder: Folder for what it writes.
        """

    @classmethod
    def process_of(cls, placement: Placement) -> psutil.Process:
        """The process in which a job is trained; by default the one named by `HOST:PROCESS`."""
        return process_of(placement)

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
        """An executor with two workers that the tests share, as workers take seconds to start."""
        with cls.make(2, tmp_path_factory.mktemp("executor")) as executor:
            yield executor

    @pytest.fixture
    def executor(self, shared: Executor) -> Executor:
        """The shared executor, with its two workers idle."""
        wait_until(shared, lambda: shared.free == shared.clients == 2)
        return shared

    def test_jobs_finish_and_their_events_come_in_order(self, executor: Executor, tmp_path: Path) -> None:
        first = executor.submit(light_job(tmp_path, 1))
        assert (executor.clients, executor.free) == (2, 1)
        second = executor.submit(light_job(tmp_path, 2))
        assert (executor.clients, executor.free) == (2, 0)
        assert first.worker != second.worker
        assert first.node == second.node
        events = events_until(executor, ended(2))
        assert executor.free == 2
        accuracies = set()
        for job in (1, 2):
            *epochs, finished = (event for event in events if event.job_id == job)
            assert epochs == [EpochDone(job, 1), EpochDone(job, 2)]
            assert isinstance(finished, Finished)
            assert finished.result["epochs"] == 2
            accuracies.add(finished.accuracy)
        assert len(accuracies) == 1, "the same training gave two results"

    def test_what_is_complete_is_not_trained_again(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(light_job(tmp_path))
        *_, first = events_until(executor, ended(1))
        executor.submit(light_job(tmp_path))
        assert events_until(executor, ended(1)) == [first]

    def test_a_paused_training_goes_on(self, executor: Executor, tmp_path: Path) -> None:
        whole = light_job(tmp_path, epochs=3)
        executor.submit(replace(whole, stop_epoch=2))
        *_, paused = events_until(executor, ended(1))
        assert isinstance(paused, Paused)
        assert paused.epochs == 2
        assert executor.free == 2
        executor.submit(whole)
        epoch, finished = events_until(executor, ended(1))
        assert epoch == EpochDone(1, 3)
        assert isinstance(finished, Finished)

    def test_a_killed_worker_is_replaced_and_its_training_continues(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(light_job(tmp_path / "uninterrupted", 1, epochs=6))
        *_, uninterrupted = events_until(executor, ended(1))
        killed = executor.submit(light_job(tmp_path, 2, epochs=6))
        events_until(executor, lambda events: EpochDone(2, 2) in events)
        self.process_of(killed).send_signal(signal.SIGKILL)
        *_, failed = events_until(executor, ended(1))
        assert isinstance(failed, Failed)
        assert (failed.job_id, failed.retry) == (2, True)
        assert killed.worker in failed.reason
        assert "\n" not in failed.reason
        wait_until(executor, lambda: executor.free == executor.clients == 2)
        assert executor.submit(light_job(tmp_path, 2, epochs=6)).worker != killed.worker
        first, *_, finished = events_until(executor, ended(1))
        assert isinstance(first, EpochDone)
        assert first.epochs >= 3
        assert isinstance(finished, Finished)
        assert isinstance(uninterrupted, Finished)
        assert finished.accuracy == uninterrupted.accuracy

    def test_a_cancelled_job_stops_at_once_and_no_event_of_it_comes(self, executor: Executor, tmp_path: Path) -> None:
        cancelled = executor.submit(light_job(tmp_path, epochs=_ENDLESS))
        process = self.process_of(cancelled)
        events_until(executor, lambda events: EpochDone(1, 1) in events)
        executor.cancel(1)
        assert_gone(process)
        wait_until(executor, lambda: executor.free == executor.clients == 2)  # no event comes meanwhile
        assert executor.submit(light_job(tmp_path, epochs=3)).worker != cancelled.worker
        *epochs, finished = events_until(executor, ended(1))
        assert epochs == [EpochDone(1, n) for n in (1, 2, 3)]  # another recipe: nothing is resumed
        assert isinstance(finished, Finished)
        executor.cancel(1)  # it has ended: nothing happens
        assert (executor.clients, executor.free) == (2, 2)

    def test_diverged_training_is_not_tried_again(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(light_job(tmp_path, learning_rate=1e6))
        *_, failed = events_until(executor, ended(1))
        assert isinstance(failed, Failed)
        assert "diverged in epoch 1" in failed.reason
        assert not failed.retry
        assert executor.free == 2

    def test_full_disk_blocks(self, executor: Executor, small_disk: Path) -> None:
        executor.submit(light_job(small_disk))
        (blocked,) = events_until(executor, ended(1))
        assert isinstance(blocked, Blocked)
        assert str(small_disk) in blocked.reason
        assert executor.free == 2

    def test_what_is_written_to_the_workers_standard_output_is_no_message(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ONEDNN_VERBOSE", "1")  # C code, which bypasses Python's streams
        with self.make(1, tmp_path / "executor") as executor:
            wait_until(executor, lambda: executor.free == 1)
            executor.submit(light_job(tmp_path))
            *epochs, finished = events_until(executor, ended(1))
        assert epochs == [EpochDone(1, 1), EpochDone(1, 2)]
        assert isinstance(finished, Finished)

    def test_close_leaves_no_process(self, tmp_path: Path) -> None:
        with self.make(1, tmp_path / "executor") as executor:
            wait_until(executor, lambda: executor.free == 1)
            process = self.process_of(executor.submit(light_job(tmp_path, epochs=_ENDLESS)))
            events_until(executor, lambda events: EpochDone(1, 1) in events)
            executor.close()
            assert_gone(process)

    def test_close_ends_all_where_one_is_dead_already(self, tmp_path: Path) -> None:
        executor = self.make(2, tmp_path / "executor")
        wait_until(executor, lambda: executor.free == 2)
        dead, alive = (
            self.process_of(executor.submit(light_job(tmp_path, number, epochs=_ENDLESS))) for number in (1, 2)
        )
        events_until(executor, lambda events: {EpochDone(1, 1), EpochDone(2, 1)} <= set(events))
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        executor.close()
        assert_gone(alive)

    @pytest.fixture
    def small_disk(self, tmp_path: Path) -> Iterator[Path]:
        """A disk that is too small for a checkpoint."""
        with mounted_small_disk(tmp_path / "disk") as disk:
            yield disk
