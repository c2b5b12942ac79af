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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tiernas.errors import NotInstalledError, UsageError
from tiernas.executors.aside import SetAside
from tiernas.executors.executor import Blocked, EpochDone, Event, Executor, Finished, Job, Lost, Paused, Placement
from tiernas.executors.ray_settings import RaySettings
from tiernas.executors.wire import decode_event, encode_job

_log = logging.getLogger(__name__)

_RETRY_S = 2
"""Pause between two tries to reach a cluster that was lost."""

_REST_S = 600
"""Time for which a node gets no job after one was blocked on it."""

_CLOSE_S = 20
"""Time that a driver gets to end its clients before it is killed; Ray ends them then."""


class RayExecutor(Executor):
    """One client per candidate on a Ray cluster; there are more or fewer of them as nodes join and leave.

    The server itself does not import Ray: a driver process does (`ray_driver`). Ray ends it when the head of the
    cluster dies; then every job comes back as lost, and a new driver connects as soon as there is a head again.

    A node on which a job is blocked (a full disk, a missing library) is set aside for ten minutes; its job goes on
    elsewhere. Only where that was the last node does the caller hear that the job is blocked.

    Args:
        settings: Which cluster, and what a client gets.
        log_dir: Folder for what the driver writes on stderr.
        reconnect_s: Time for which a lost cluster is looked for.
        rest_s: Time for which a node gets no job after one was blocked on it.

    Raises:
        NotInstalledError: Ray is not installed.
        UsageError: The cluster cannot be reached.
    """

    def __init__(self, settings: RaySettings, log_dir: Path, reconnect_s: float = 600, rest_s: float = _REST_S) -> None:
        if find_spec("ray") is None:
            raise NotInstalledError("Ray", "ray")
        log_dir.mkdir(parents=True, exist_ok=True)
        self._settings = settings
        self._log = log_dir / "ray-driver.log"
        self._reconnect_s = reconnect_s
        self._messages: queue.Queue[tuple[_Driver, _Message | None]] = queue.Queue()
        self._clients: dict[str, _Client] = {}
        self._aside = SetAside(rest_s)
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
        return sum(worker in self._jobs or self._is_usable(client) for worker, client in self._clients.items())

    @property
    def free(self) -> int:
        return sum(1 for _ in self._idle())

    def _idle(self) -> Iterator[str]:
        for worker, client in self._clients.items():
            if worker not in self._jobs and self._is_usable(client):
                yield worker

    def _is_usable(self, client: _Client) -> bool:
        return not self._aside.rests(client.machine)

    def submit(self, job: Job) -> Placement:
        worker = next(self._idle())
        self._jobs[worker] = job.id
        self._driver.tell("run", worker=worker, job=encode_job(_absolute(job)))
        return self._clients[worker].placement

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
                machine = values.pop("machine")
                self._clients[values["worker"]] = _Client(Placement(**values), machine)
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
        client = self._clients.get(worker)
        if client is not None and isinstance(event, EpochDone | Paused | Finished):
            self._aside.got_ahead(client.machine)
        return [self._set_aside(client, event) if client is not None and isinstance(event, Blocked) else event]

    def _set_aside(self, client: _Client, event: Blocked) -> Event:
        """What a job's being blocked means: that it goes on elsewhere, as long as there is another node."""
        if self._is_usable(client):
            node, minutes = client.placement.node, self._aside.rest_s / 60
            _log.warning("node %s gets no trainings for %.3g minutes: %s", node, minutes, event.reason)
        self._aside.add(client.machine)
        if all(self._aside.is_blocked(other.machine) for other in self._clients.values()):
            self._aside.clear()  # whoever goes on has mended it
            return event
        return Lost(event.job_id, f"node {client.placement.node} is set aside: {event.reason}")

    def _lost(self) -> Sequence[Event]:
        """The driver ended: nothing that ran on the cluster reaches this server any more."""
        self._driver.stop()
        jobs, self._jobs, self._clients = list(self._jobs.values()), {}, {}
        self._aside.clear()
        if self._lost_s is not None:
            self._unreachable(f"details in {self._log}")
        else:
            self._lost_s = time.monotonic()
            _log.warning("the Ray cluster is lost; looking for it for %.0f s", self._reconnect_s)
        return [Lost(job, f"the Ray cluster {self._where} was lost; see {self._log}") for job in jobs]

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


@dataclass(frozen=True, slots=True)
class _Client:
    """A client that is there, and Ray's id of its node."""

    placement: Placement
    machine: str


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
