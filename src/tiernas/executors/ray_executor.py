"""`RayExecutor`: trainings on the nodes of a Ray cluster."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tiernas.errors import NotInstalledError, UsageError
from tiernas.executors.executor import EpochDone, Event, Executor, Failed, Job, Placement
from tiernas.executors.ray_settings import RaySettings
from tiernas.executors.wire import decode_event, encode_job

_log = logging.getLogger(__name__)

_RETRY_S = 2
"""Pause between two tries to reach a cluster that was lost."""

_CLOSE_S = 20
"""Time that a driver gets to end its clients before it is killed; Ray ends them then."""


class RayExecutor(Executor):
    """One client per candidate on a Ray cluster; there are more or fewer of them as nodes join and leave.

    The server itself does not import Ray: a driver process does (`ray_driver`). Ray ends it when the head of the
    cluster dies; then every job comes back as failed, to be tried again, and a new driver connects as soon as there
    is a head again.

    Args:
        settings: Which cluster, and what a client gets.
        log_dir: Folder for what the driver writes on stderr.
        reconnect_s: Time for which a lost cluster is looked for.

    Raises:
        NotInstalledError: Ray is not installed.
        UsageError: The cluster cannot be reached.
    """

    def __init__(self, settings: RaySettings, log_dir: Path, reconnect_s: float = 600) -> None:
        if find_spec("ray") is None:
            raise NotInstalledError("Ray", "ray")
        log_dir.mkdir(parents=True, exist_ok=True)
        self._settings = settings
        self._log = log_dir / "ray-driver.log"
        self._reconnect_s = reconnect_s
        self._messages: queue.Queue[tuple[_Driver, _Message | None]] = queue.Queue()
        self._clients: dict[str, Placement] = {}
        self._jobs: dict[str, int] = {}
        self._lost_s: float | None = None
        self._driver = _Driver(settings, self._log, self._messages)
        try:
            self._await_connection()
        except BaseException:
            self._driver.stop()
            raise

    @property
    def clients(self) -> int:
        return len(self._clients)

    @property
    def free(self) -> int:
        return sum(worker not in self._jobs for worker in self._clients)

    def submit(self, job: Job) -> Placement:
        worker = next(worker for worker in self._clients if worker not in self._jobs)
        self._jobs[worker] = job.id
        self._driver.tell("run", worker=worker, job=encode_job(_absolute(job)))
        return self._clients[worker]

    def poll(self, timeout_s: float) -> Sequence[Event]:
        found: list[Event] = []
        try:
            found += self._received(*self._messages.get(timeout=timeout_s))
            while True:
                found += self._received(*self._messages.get_nowait())
        except queue.Empty:
            self._reconnect()
            return found

    def cancel(self, job_id: int) -> None:
        for worker in [worker for worker, job in self._jobs.items() if job == job_id]:
            del self._jobs[worker]
            self._clients.pop(worker, None)
            self._driver.tell("kill", worker=worker)

    def close(self) -> None:
        self._driver.stop()
        self._clients, self._jobs = {}, {}

    def _received(self, driver: _Driver, message: _Message | None) -> Sequence[Event]:
        if driver is not self._driver:
            return []
        if message is None:
            return self._lost()
        kind, values = message
        match kind:
            case "connected":
                if self._lost_s is not None:
                    _log.info("connected to the Ray cluster again")
                self._lost_s = None
            case "joined":
                self._clients[values["worker"]] = Placement(**values)
            case "left":
                self._clients.pop(values["worker"], None)
            case "event":
                return self._event(values["worker"], decode_event(values["event"]))
            case "warning":
                _log.warning("%s", values["text"])
            case "refused" if self._clients:
                _log.warning("%s", values["text"])
            case "refused":
                raise UsageError(values["text"])
            case "unreachable":
                self._unreachable(values["text"])
        return []

    def _event(self, worker: str, event: Event) -> Sequence[Event]:
        if self._jobs.get(worker) != event.job_id:  # it was cancelled
            return []
        if not isinstance(event, EpochDone):
            del self._jobs[worker]
        return [event]

    def _lost(self) -> Sequence[Event]:
        """The driver ended: nothing that ran on the cluster reaches this server any more."""
        self._driver.stop()
        jobs, self._jobs, self._clients = list(self._jobs.values()), {}, {}
        if self._lost_s is not None:
            self._unreachable(f"details in {self._log}")
        else:
            self._lost_s = time.monotonic()
            _log.warning("the Ray cluster is lost; looking for it for %.0f s", self._reconnect_s)
        return [Failed(job, f"the Ray cluster {self._where} was lost; see {self._log}", retry=True) for job in jobs]

    def _reconnect(self) -> None:
        if self._lost_s is not None and self._driver.may_be_replaced:
            self._driver = _Driver(self._settings, self._log, self._messages)

    def _unreachable(self, text: str) -> None:
        if self._lost_s is None or time.monotonic() - self._lost_s > self._reconnect_s:
            raise UsageError(
                f"Ray cluster {self._where} cannot be reached ({text}); start it with `ray start --head`, and run the "
                "server on one of its nodes, with the same Ray and Python and, if it wants one, its token"
            )

    def _await_connection(self) -> None:
        while True:
            driver, message = self._messages.get()
            if message is None:  # Ray ends a driver that finds no head
                self._unreachable(f"details in {self._log}")
                return
            self._received(driver, message)
            if message[0] == "connected":
                return

    @property
    def _where(self) -> str:
        return self._settings.address or "on this machine"


_Message = tuple[str, dict[str, Any]]


class _Driver:
    """One driver process and the thread that reads its messages."""

    def __init__(
        self, settings: RaySettings, log: Path, messages: queue.Queue[tuple[_Driver, _Message | None]]
    ) -> None:
        self._messages = messages
        self._ended_s: float | None = None
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tiernas.executors.ray_driver", json.dumps(asdict(settings))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,  # Ctrl-C is the server's to handle
            )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def may_be_replaced(self) -> bool:
        """Whether it ended a while ago."""
        return self._ended_s is not None and time.monotonic() - self._ended_s > _RETRY_S

    def tell(self, kind: str, **values: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps([kind, values]) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended; the reader reports it, and its jobs with it

    def stop(self) -> None:
        """Ends it and, through it, every client."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._ended_s = time.monotonic()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            kind, values = json.loads(line)
            self._messages.put((self, (kind, values)))
        self._messages.put((self, None))


def _absolute(job: Job) -> Job:
    """The job as another machine must see it, with the folder of its checkpoints made."""
    data = dict(job.data)
    if data.get("path"):
        data["path"] = str(Path(data["path"]).absolute())
    place = job.checkpoint_dir
    if "://" not in place:
        place = str(Path(place).absolute())
        Path(place).mkdir(parents=True, exist_ok=True)
    return replace(job, data=data, checkpoint_dir=place, cache_dir=str(Path(job.cache_dir).absolute()))
