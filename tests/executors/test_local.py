from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from tests.acme import DATA, TEACHER, install

from tiernas.executors import Blocked, EpochDone, Executor, Finished, LocalExecutor, Lost
from tiernas.testing.executors import ExecutorConformance, assert_gone, ended, events_until, light_job, process_of


class TestLocalExecutor(ExecutorConformance):
    @classmethod
    def make(cls, clients: int, folder: Path) -> Executor:
        return LocalExecutor(clients, folder / "logs")

    def test_the_test_part_is_looked_at_where_a_job_says_so(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(replace(light_job(tmp_path), test=True))
        *_, finished = events_until(executor, ended(1))
        assert isinstance(finished, Finished)
        assert 0 <= finished.result["test_accuracy"] <= 1

    @pytest.mark.slow
    def test_what_is_written_to_the_workers_standard_output_is_no_message(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        super().test_what_is_written_to_the_workers_standard_output_is_no_message(tmp_path, monkeypatch)

    @pytest.mark.slow
    def test_close_ends_all_where_one_is_dead_already(self, tmp_path: Path) -> None:
        super().test_close_ends_all_where_one_is_dead_already(tmp_path)

    @pytest.mark.slow
    def test_plugins_of_the_working_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        install(tmp_path, "here", DATA + TEACHER)
        monkeypatch.chdir(tmp_path)
        data = {"kind": "here:open_digits", "options": {"classes": 3}, "train_limit": 100}
        teacher = {"kind": "here:make", "options": {"strength": 1}}
        job = light_job(tmp_path, epochs=1)
        with LocalExecutor(1, tmp_path / "logs") as executor:
            executor.submit(replace(job, data=data))
            *_, finished = events_until(executor, ended(1))
            assert isinstance(finished, Finished)
            executor.submit(replace(job, id=2, data=data, recipe={**job.recipe, "teacher": teacher}))
            *_, blocked = events_until(executor, ended(1))
            assert isinstance(blocked, Blocked)
            assert "the most frequent class" in blocked.reason
            executor.submit(replace(job, id=3, data={"kind": "here:open_digit"}))
            *_, blocked = events_until(executor, ended(1))
            assert isinstance(blocked, Blocked)
            assert (
                blocked.reason
                == "kind of data 'here:open_digit': here has no 'open_digit'; did you mean 'open_digits'?"
            )

    def test_workers_live_from_job_to_job(self, executor: Executor, tmp_path: Path) -> None:
        workers = set()
        for number in range(3):
            rate = 1e6 if number == 1 else 0.005  # one that diverges leaves its worker as it was
            workers.add(executor.submit(light_job(tmp_path, number, learning_rate=rate)).worker)
            events_until(executor, ended(1))
        assert len(workers) == 1

    @pytest.mark.slow
    def test_a_worker_that_stands_still_is_replaced_and_its_job_is_lost(self, tmp_path: Path) -> None:
        with LocalExecutor(1, tmp_path / "logs", silence_s=3) as executor:
            worker = process_of(executor.submit(light_job(tmp_path, epochs=5000)))
            events_until(executor, lambda events: EpochDone(1, 1) in events)
            worker.suspend()
            *_, lost = events_until(executor, ended(1))
            assert isinstance(lost, Lost)
            assert "said nothing for 3 s" in lost.reason
            assert_gone(worker)
            assert executor.free == 1

    @pytest.mark.slow
    def test_a_worker_that_died_idle_costs_no_job(self, tmp_path: Path) -> None:
        with LocalExecutor(1, tmp_path / "logs") as executor:
            worker = process_of(executor.submit(light_job(tmp_path)))
            events_until(executor, ended(1))
            worker.kill()
            assert_gone(worker)
            executor.submit(light_job(tmp_path / "again"))
            *_, last = events_until(executor, ended(1))
            if isinstance(last, Lost):  # sent before its death was noticed
                executor.submit(light_job(tmp_path / "again"))
                *_, last = events_until(executor, ended(1))
            assert isinstance(last, Finished)

    @pytest.mark.slow
    def test_a_worker_that_dies_before_it_hears_of_a_job_costs_it_no_attempt(self, tmp_path: Path) -> None:
        with LocalExecutor(1, tmp_path / "logs") as executor:
            worker = process_of(executor.submit(light_job(tmp_path)))
            events_until(executor, ended(1))
            worker.suspend()
            assert executor.submit(light_job(tmp_path / "again")).worker.endswith(f":{worker.pid}")
            worker.kill()
            *_, lost = events_until(executor, ended(1))
            assert isinstance(lost, Lost)
            assert "was killed by SIGKILL" in lost.reason

    def test_workers_that_cannot_start_block_and_no_job_fails(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken"
        broken.mkdir()
        (broken / "torch.py").write_text("raise ImportError('libcudart.so.13: cannot open shared object file')")
        paths = os.pathsep.join(filter(None, (str(broken), os.environ.get("PYTHONPATH"))))
        with LocalExecutor(2, tmp_path / "logs", {**os.environ, "PYTHONPATH": paths}) as executor:
            executor.submit(light_job(tmp_path, 1))
            executor.submit(light_job(tmp_path, 2))
            losses = events_until(executor, ended(2))
            assert {type(event) for event in losses} == {Lost}
            executor.submit(light_job(tmp_path, 1))
            (blocked,) = events_until(executor, ended(1))
            assert isinstance(blocked, Blocked)
            assert "ended with exit code 1 before it was ready" in blocked.reason
            assert "ImportError: libcudart.so.13: cannot open shared object file" in blocked.reason

    def test_workers_get_no_password(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEDGER_PASSWORD", "sesame")
        with LocalExecutor(1, tmp_path / "logs") as executor:
            environment = process_of(executor.submit(light_job(tmp_path))).environ()
        assert environment["OMP_NUM_THREADS"] == "1"
        assert "sesame" not in environment.values()

    @pytest.mark.slow
    def test_workers_end_when_the_server_is_killed(self, tmp_path: Path) -> None:
        code = f"""
from pathlib import Path
from tiernas.executors import LocalExecutor
from tiernas.testing.executors import light_job
folder = Path({str(tmp_path)!r})
executor = LocalExecutor(1, folder / "logs")
print(executor.submit(light_job(folder, epochs=5000)).worker, flush=True)
while True:
    for event in executor.poll(60):
        print(event, flush=True)
"""
        server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        worker = psutil.Process(int(server.stdout.readline().rpartition(":")[2]))
        assert "EpochDone" in server.stdout.readline()
        server.kill()
        server.wait()
        assert_gone(worker)
