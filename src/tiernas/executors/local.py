"""Training in processes on this machine: one process with one thread per candidate."""

from __future__ import annotations

import queue
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from tiernas.errors import UsageError
from tiernas.executors.child import SILENCE_S, ChildProcess, Ended, heard_within, stop_all
from tiernas.executors.environment import training_environment
from tiernas.executors.executor import EpochDone, Event, Executor, Job, Placement
from tiernas.executors.fault import ended, leaves_doubt
from tiernas.executors.machines import Machines
from tiernas.executors.wire import event_of, job_values


class LocalExecutor(Executor):
    """Worker processes that start with the first jobs and are reused, so that torch and data are loaded once.

    A worker whose job ended without a result is replaced. A worker that loses its server ends at once. Two processes
    with one thread each are faster than one process with two threads.

    Args:
        workers: Number of processes.
        log_dir: Folder for what the workers write to descriptors 1 and 2.
        environment: Environment variables of the workers; by default those of this process, without credentials.
        silence_s: A worker that sends nothing for this long, not even a sign of life, is ended.

    Raises:
        UsageError: The folder cannot be created.
    """

    def __init__(
        self,
        workers: int,
        log_dir: Path,
        environment: Mapping[str, str] | None = None,
        *,
        silence_s: float = SILENCE_S,
    ) -> None:
        try:
            log_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"logs of the workers: cannot create {log_dir} ({error.strerror})") from error
        one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._environment = {**(training_environment() if environment is None else environment), **one_thread}
        self._silence_s = silence_s
        self._heard: queue.Queue[tuple[_Worker, Event | Ended]] = queue.Queue()
        self._logs = [log_dir / f"worker-{i}.log" for i in range(workers)]
        self._workers: dict[Path, _Worker] = {}
        self._jobs: dict[Path, int] = {}
        self._here = socket.gethostname()
        self._machines = Machines(rest_s=0.0)

    @property
    def clients(self) -> int:
        return len(self._logs)

    @property
    def free(self) -> int:
        return len(self._logs) - len(self._jobs)

    def submit(self, job: Job) -> Placement:
        idle = [log for log in self._logs if log not in self._jobs]
        log = min(idle, key=lambda log: log not in self._workers)  # one that runs already, if there is one
        if log not in self._workers or not self._workers[log].is_alive:
            self._workers[log] = self._start(log)
        self._jobs[log] = job.id
        self._workers[log].send("job", **job_values(job))
        return Placement(self._workers[log].name, self._here)

    def poll(self, timeout_s: float) -> Sequence[Event]:
        return [event for heard in heard_within(self._heard, timeout_s) for event in self._received(*heard)]

    def cancel(self, job_id: int) -> None:
        for log in [log for log, job in self._jobs.items() if job == job_id]:
            del self._jobs[log]
            self._workers.pop(log).stop()

    def close(self) -> None:
        stop_all(self._workers.values())
        self._workers, self._jobs = {}, {}

    def _start(self, log: Path) -> _Worker:
        return ChildProcess(
            "tiernas.executors.worker",
            log=log,
            environment=self._environment,
            decode=event_of,
            heard=self._heard,
            silence_s=self._silence_s,
        )

    def _received(self, worker: _Worker, said: Event | Ended) -> Sequence[Event]:
        log = next((log for log, other in self._workers.items() if other is worker), None)
        if log is None:  # its job was canceled
            return []
        job_id = self._jobs.get(log)
        if isinstance(said, Ended):
            del self._workers[log]
            if job_id is None:
                return []
            said = ended(said.fault, job_id, said.reason)
        elif said.job_id != job_id:
            return []
        elif leaves_doubt(said):
            self._workers.pop(log).stop()
        if not isinstance(said, EpochDone):
            del self._jobs[log]
        return [self._machines.judged(self._here, said, [self._here])]


_Worker = ChildProcess[Event]
