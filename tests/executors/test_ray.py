from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image
from tests.acme import DATA, install

from tiernas.errors import NotInstalledError, UsageError
from tiernas.executors import Blocked, Event, Executor, Finished, Lost, RayExecutor, RaySettings, ray_executor
from tiernas.testing.executors import (
    ExecutorConformance,
    ended,
    events_until,
    light_job,
    mounted_small_disk,
    wait_until,
)
from tiernas.testing.ray_cluster import RayCluster, connected
from tiernas.training import DataConfig, load_data


class TestRayExecutor(ExecutorConformance):
    cluster: ClassVar[RayCluster]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _cluster(cls, ray_cluster: RayCluster) -> None:
        cls.cluster = ray_cluster

    @classmethod
    def make(cls, clients: int, folder: Path) -> Executor:
        settings = RaySettings(cls.cluster.address, count=clients, cpus=0.4, look_s=0.5)
        return connected(settings, folder)


@pytest.fixture
def executor(ray_cluster: RayCluster, tmp_path: Path) -> Iterator[RayExecutor]:
    """As many clients as fit: two for each node."""
    with connected(RaySettings(ray_cluster.address, look_s=0.5), tmp_path, rest_s=2) as executor:
        yield executor


def lost(executor: Executor, number: int) -> Sequence[str]:
    """The reasons for which so many jobs, the next that end, were lost."""
    return [event.reason for event in events_until(executor, ended(number)) if isinstance(event, Lost)]


def test_nodes_fill_up_and_come_and_go_and_the_head_is_lost(
    executor: RayExecutor, ray_cluster: RayCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with mounted_small_disk(tmp_path / "disk") as disk:
        ray_cluster.add_node("second", {"TMPDIR": str(disk)})
        wait_until(executor, lambda: executor.clients == 4)
        for number in range(4):
            stored = f"file://{tmp_path}/stored/{number}"
            executor.submit(replace(light_job(tmp_path, number, epochs=3), checkpoint_dir=stored))
        events = events_until(executor, ended(4))
        blocked = [event.reason for event in events if isinstance(event, Lost)]
        assert len(blocked) == sum(isinstance(event, Finished) for event in events) == 2
        assert all("is set aside: cannot write" in reason and str(disk) in reason for reason in blocked)
        (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
        assert "is set aside for" in warning
        wait_until(executor, lambda: executor.clients == 4)  # it has rested

        for number in range(4):
            executor.submit(light_job(tmp_path, number, epochs=5000))
        assert executor.free == 0
        ray_cluster.kill("second")
        assert len(lost(executor, 2)) == 2
        assert (executor.clients, executor.free) == (2, 0)

    ray_cluster.kill("head")
    assert len(lost(executor, 2)) == 2
    ray_cluster.start_head()
    wait_until(executor, lambda: executor.free == executor.clients == 2)
    executor.submit(light_job(tmp_path / "again"))
    *_, finished = events_until(executor, ended(1))
    assert isinstance(finished, Finished)


@pytest.mark.parametrize(
    ("client", "words"),
    [
        ("OtherCodeClient", r"worker .* has tiernas 0\.0\.1 \(0123456789ab\), this server \d"),
        ("IncompleteClient", "torch"),
    ],
)
def test_clients_that_cannot_train_what_the_server_does_are_refused(
    ray_cluster: RayCluster, tmp_path: Path, client: str, words: str
) -> None:
    settings = RaySettings(ray_cluster.address, count=1, client=f"odd_ray_clients:{client}")
    with connected(settings, tmp_path) as executor, pytest.raises(UsageError, match=words):
        wait_until(executor, lambda: executor.clients > 0)


def test_clients_that_die_while_they_start_end_the_search_with_the_reason(
    ray_cluster: RayCluster, tmp_path: Path
) -> None:
    settings = RaySettings(ray_cluster.address, count=1, client="odd_ray_clients:DyingClient", look_s=0.5)
    with (
        connected(settings, tmp_path) as executor,
        pytest.raises(UsageError, match=r"no worker starts on the Ray cluster .*, 3 times in a row"),
    ):
        wait_until(executor, lambda: executor.clients > 0)


def test_jobs_that_end_one_after_the_other_by_no_fault_of_theirs_block(ray_cluster: RayCluster, tmp_path: Path) -> None:
    settings = RaySettings(ray_cluster.address, count=1, client="odd_ray_clients:FailingClient", look_s=0.5)
    with connected(settings, tmp_path) as executor:
        ends: list[Event] = []
        for number in range(3):
            wait_until(executor, lambda: executor.free == 1)
            executor.submit(light_job(tmp_path, number))
            ends += events_until(executor, ended(1))
    reason = "TimeoutError: the storage of the data does not answer"
    assert ends[:2] == [Lost(0, reason), Lost(1, reason)]
    assert isinstance(ends[2], Blocked)
    assert reason in ends[2].reason


def test_a_data_set_reaches_nodes_that_do_not_see_it(ray_cluster: RayCluster, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label in ("cats", "dogs"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(60):
            image = Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8))
            image.save(tmp_path / "images" / label / f"{i}.png")
    data = DataConfig(kind="folder", path=tmp_path / "images", image_size=16)
    expected = load_data(data, cache_dir=tmp_path / "cache")
    settings = RaySettings(ray_cluster.address, count=1, client="odd_ray_clients:RemoteClient", look_s=0.5)
    with connected(settings, tmp_path) as executor:
        wait_until(executor, lambda: executor.free == 1)
        executor.submit(replace(light_job(tmp_path), data=data.model_dump(mode="json")))
        *_, finished = events_until(executor, ended(1))
    assert isinstance(finished, Finished)
    assert finished.result["data_digest"] == expected.digest


def test_a_source_of_ones_own_is_sent_along(
    ray_cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "own", "acme_of_ray", DATA)
    (tmp_path / "own" / "acme_file.py").write_text(dedent(DATA))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "own"), os.environ.get("PYTHONPATH", "")]))
    settings = RaySettings(ray_cluster.address, count=1, modules=("acme_of_ray", "acme_file"), look_s=0.5)
    with connected(settings, tmp_path) as executor:
        wait_until(executor, lambda: executor.free == 1)
        shutil.rmtree(tmp_path / "own")  # other machines have none
        for number, kind in enumerate(("acme_of_ray:open_digits", "acme_file:open_digits")):
            data = {"kind": kind, "options": {"classes": 3}, "train_limit": 100}
            executor.submit(replace(light_job(tmp_path, number, epochs=1), data=data))
            *_, finished = events_until(executor, ended(1))
            assert isinstance(finished, Finished)


def test_a_cluster_that_is_not_there_or_wants_another_token(
    ray_cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"Ray cluster 127\.0\.0\.1:9 cannot be reached .*ray start"):
        RayExecutor(RaySettings("127.0.0.1:9"), tmp_path)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    with pytest.raises(UsageError, match=r"cannot be reached .*token"):
        RayExecutor(RaySettings(ray_cluster.address), tmp_path)


def test_ray_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ray_executor, "find_spec", lambda name: None)
    with pytest.raises(NotInstalledError, match=r"pip install .*\[ray\]"):
        RayExecutor(RaySettings(), tmp_path)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"address": "ray://head:10001"}, "HOST:PORT"),
        ({"gpus": 1.5}, r"gpus per candidate = 1\.5"),
        ({"gpus": 4, "processes": 2}, r"processes per candidate = 2: must be 4, as gpus = 4"),
        ({"gpus": 0.5, "processes": 2}, r"processes per candidate = 2: must be 1, as gpus = 0\.5"),
        ({"gpus": 4, "cpus": 6}, r"cpus per candidate = 6: must be at most 4 or a multiple"),
        ({"cpus": 1.5}, r"cpus per candidate = 1\.5"),
        ({"cpus": -1}, "cpus per candidate = -1"),
        ({"cpus": 0}, "both are 0"),
        ({"count": 0}, "number of workers = 0"),
    ],
)
def test_bad_settings(settings: dict[str, str | float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        RaySettings(**settings)  # type: ignore[arg-type]


def test_clients_are_as_many_as_fit_on_each_node() -> None:
    pytest.importorskip("ray")
    from tiernas.executors.ray_pool import wanted_crews

    nodes = [
        {"Alive": True, "Resources": {"CPU": 16.0, "GPU": 8.0}},
        {"Alive": True, "Resources": {"CPU": 3.0, "GPU": 8.0}},
        {"Alive": True, "Resources": {"CPU": 16.0}},
        {"Alive": False, "Resources": {"CPU": 16.0, "GPU": 8.0}},
    ]
    assert wanted_crews(nodes, RaySettings(gpus=1)) == 8 + 3
    assert wanted_crews(nodes, RaySettings(gpus=0.1, cpus=0.1)) == 80 + 30
    assert wanted_crews(nodes, RaySettings(cpus=2)) == 8 + 1 + 8
    assert wanted_crews(nodes, RaySettings(gpus=1, count=100)) == 100  # an autoscaler may add nodes
    assert wanted_crews(nodes, RaySettings(gpus=1, count=100, jobs_per_process=8)) == 13
    assert wanted_crews(nodes, RaySettings(gpus=3, cpus=3)) == 2 + 1  # a node must have all of a candidate's GPUs
    assert wanted_crews(nodes, RaySettings(cpus=2, processes=2)) == 8 + 1 + 8
