from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tiernas.executors import EpochDone, Event, Executor, Failed, Finished, RaySettings
from tiernas.testing.executors import assert_gone, ended, events_until, light_job, process_of, wait_until
from tiernas.testing.ray_cluster import RayCluster, connected


@pytest.fixture(scope="module")
def executor(ray_cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    """A client of two processes."""
    settings = RaySettings(ray_cluster.address, count=1, cpus=1, processes=2, look_s=0.5)
    with connected(settings, tmp_path_factory.mktemp("crew")) as executor:
        wait_until(executor, lambda: executor.free == 1)
        yield executor


def others(client: psutil.Process) -> Sequence[psutil.Process]:
    """The other clients on its node."""
    siblings = client.parent().children()
    return [process for process in siblings if "TrainingClient" in process.name() and process != client]


def finish(executor: Executor) -> Sequence[Event]:
    events = events_until(executor, ended(1))
    assert isinstance(events[-1], Finished)
    return events


def test_two_processes_train_one_candidate_and_a_dead_one_costs_an_epoch(executor: Executor, tmp_path: Path) -> None:
    executor.submit(light_job(tmp_path / "uninterrupted", epochs=4))
    *epochs, uninterrupted = finish(executor)
    assert epochs == [EpochDone(1, n) for n in (1, 2, 3, 4)]

    job = replace(light_job(tmp_path, epochs=4), checkpoint_dir=f"file://{tmp_path}/stored")
    first = executor.submit(job)
    client = process_of(first)
    (other,) = others(client)
    events_until(executor, lambda events: EpochDone(1, 2) in events)
    other.send_signal(signal.SIGKILL)
    *_, failed = events_until(executor, ended(1))
    assert isinstance(failed, Failed)
    assert failed.retry
    assert "worker process has died" in failed.reason
    assert_gone(client)

    wait_until(executor, lambda: executor.free == 1)
    assert executor.submit(job).worker != first.worker
    (next_epoch, *_, finished) = finish(executor)
    assert isinstance(next_epoch, EpochDone)
    assert next_epoch.epochs >= 3
    assert isinstance(finished, Finished)
    assert isinstance(uninterrupted, Finished)
    assert finished.accuracy == uninterrupted.accuracy


def test_a_training_that_diverges_on_all_fails_once(executor: Executor, tmp_path: Path) -> None:
    wait_until(executor, lambda: executor.free == 1)
    executor.submit(light_job(tmp_path, learning_rate=1e6))
    *_, failed = events_until(executor, ended(1))
    assert isinstance(failed, Failed)
    assert not failed.retry
    assert failed.reason.count("diverged in epoch 1") == 1
