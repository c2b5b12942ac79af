from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil

from tiernas.executors import Executor, Finished, LocalExecutor
from tiernas.testing.executors import ExecutorConformance, assert_gone, ended, events_until, light_job


class TestLocalExecutor(ExecutorConformance):
    @classmethod
    def make(cls, clients: int, folder: Path) -> Executor:
        return LocalExecutor(clients, folder / "logs")

    def test_the_test_part_is_looked_at_where_a_job_says_so(self, executor: Executor, tmp_path: Path) -> None:
        executor.submit(replace(light_job(tmp_path), test=True))
        *_, finished = events_until(executor, ended(1))
        assert isinstance(finished, Finished)
        assert 0 <= finished.result["test_accuracy"] <= 1

    def test_workers_live_from_job_to_job(self, executor: Executor, tmp_path: Path) -> None:
        workers = set()
        for number in range(3):
            workers.add(executor.submit(light_job(tmp_path, number)).worker)
            events_until(executor, ended(1))
        assert len(workers) == 1

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
