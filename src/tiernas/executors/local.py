"""Trainings in processes of this machine: one process with one thread per candidate."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from tiernas.executors.executor import EpochDone, Event, Executor, Failed, Job, Placement
from tiernas.executors.wire import decode_event, encode_job


class LocalExecutor(Executor):
    """Worker processes that start with the first jobs and live from job to job: torch and data are loaded once.

    Jobs and events are lines of JSON over the worker's stdin and stdout. A worker whose stdin closes, because the
    server died, ends at once. Two processes with one thread each beat one process with two threads.

    Args:
        workers: Number of processes.
        log_dir: Folder for what the workers write on stderr.
    """

    def __init__(self, workers: int, log_dir: Path) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self._events: queue.Queue[tuple[_Worker, Event | None]] = queue.Queue()
        self._logs = [log_dir / f"worker-{i}.log" for i in range(workers)]
        self._workers: dict[Path, _Worker] = {}

    @property
    def clients(self) -> int:
        return len(self._logs)

    @property
    def free(self) -> int:
        return len(self._logs) - sum(worker.job_id is not None for worker in self._workers.values())

    def submit(self, job: Job) -> Placement:
        idle = [log for log in self._logs if log not in self._workers or self._workers[log].job_id is None]
        log = min(idle, key=lambda log: log not in self._workers)  # one that runs already, if there is one
        if log not in self._workers:
            self._workers[log] = _Worker(log, self._events)
        self._workers[log].start(job)
        return Placement(self._workers[log].name, socket.gethostname())

    def poll(self, timeout_s: float) -> Sequence[Event]:
        found: list[Event] = []
        try:
            found += self._received(*self._events.get(timeout=timeout_s))
            while True:
                found += self._received(*self._events.get_nowait())
        except queue.Empty:
            return found

    def _received(self, worker: _Worker, event: Event | None) -> Sequence[Event]:
        if self._workers.get(worker.log) is not worker:  # its job was cancelled
            return []
        if event is None:  # its stdout closed: it is dead
            del self._workers[worker.log]
            reason = worker.how_it_died()
            return [] if worker.job_id is None else [Failed(worker.job_id, reason, retry=True)]
        if not isinstance(event, EpochDone):
            worker.job_id = None
        return [event]

    def cancel(self, job_id: int) -> None:
        for worker in [worker for worker in self._workers.values() if worker.job_id == job_id]:
            del self._workers[worker.log]
            worker.stop()

    def close(self) -> None:
        for worker in self._workers.values():
            worker.stop()
        self._workers = {}


class _Worker:
    """One process and the thread that reads its events."""

    def __init__(self, log: Path, events: queue.Queue[tuple[_Worker, Event | None]]) -> None:
        self.job_id: int | None = None
        self.log = log
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tiernas.executors.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is the server's to handle
            )
        self.name = f"{socket.gethostname()}:{self._process.pid}"
        self._events = events
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, job: Job) -> None:
        assert self._process.stdin is not None
        self.job_id = job.id
        try:
            self._process.stdin.write(encode_job(job) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it died idle; the reader reports it, and the job with it

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put((self, decode_event(line)))
        self._events.put((self, None))

    def how_it_died(self) -> str:
        code = self._process.wait()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"worker {self.name} {how}; its log is {self.log}"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
