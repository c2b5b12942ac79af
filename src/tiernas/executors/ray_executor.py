"""`RayExecutor`: training on the nodes of a Ray cluster."""

from __future__ import annotations

import json
import logging
import queue
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tiernas.errors import NotInstalledError, UsageError
from tiernas.executors.child import ChildProcess, Ended, heard_within
from tiernas.executors.environment import training_environment
from tiernas.executors.executor import EpochDone, Event, Executor, Finished, Job, Lost, Paused, Placement
from tiernas.executors.machines import Machines
from tiernas.executors.ray_settings import RaySettings
from tiernas.executors.wire import event_of, job_values

_log = logging.getLogger(__name__)

_RETRY_S = 2
"""Pause between two attempts to reach a lost cluster."""

_REST_S = 600
"""Time for which a node gets no jobs after one was blocked on it."""

_CLOSE_S = 20
"""Time for a driver to end its workers before it is killed; Ray ends them then."""

_IN_A_ROW = 3
"""Failed starts of workers in a row, or losses of the whole cluster without progress between them."""


class RayExecutor(Executor):
    """One worker per candidate on a Ray cluster; their number follows the nodes that join and leave.

    The server itself does not import Ray: a driver process does (`ray_driver`). Ray ends it when the head of the
    cluster dies; then every job is returned as lost, and a new driver connects as soon as there is a head again.

    A node on which a job is blocked (a full disk, a missing library), or on which jobs in a row end before one made
    progress, is set aside for ten minutes; its job continues elsewhere. Only if that was the last node, the job is
    reported as blocked.

    Args:
        settings: The cluster, and the resources of a worker.
        log_dir: Folder for what the driver writes to descriptors 1 and 2.
        reconnect_s: How long to look for a lost cluster.
        rest_s: How long a node that was set aside gets no jobs.
        environment: Environment variables of the driver, and of Ray if it is started on this machine alone; by default
            those of this process, without credentials except Ray's.

    Raises:
        NotInstalledError: Ray is not installed.
        UsageError: The cluster cannot be reached.
    """

    def __init__(
        self,
        settings: RaySettings,
        log_dir: Path,
        reconnect_s: float = 600,
        rest_s: float = _REST_S,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if find_spec("ray") is None:
            raise NotInstalledError("Ray", "ray")
        log_dir.mkdir(parents=True, exist_ok=True)
        self._settings = settings
        self._log = log_dir / "ray-driver.log"
        self._reconnect_s = reconnect_s
        self._environment = training_environment(names=("RAY_",)) if environment is None else environment
        self._heard: queue.Queue[tuple[_Driver, _Message | Ended]] = queue.Queue()
        self._clients: dict[str, _Client] = {}
        self._jobs: dict[str, _Running] = {}
        self._machines = Machines(rest_s)
        self._unstarted = self._losses = 0
        self._lost_s: float | None = None
        self._ended_s: float | None = None
        self._driver = self._start()
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
        return not self._machines.rests(client.machine)

    def submit(self, job: Job) -> Placement:
        worker = next(self._idle())
        client = self._clients[worker]
        self._jobs[worker] = _Running(job.id, client)
        self._driver.send("run", worker=worker, job=job_values(_absolute(job)))
        return client.placement

    def poll(self, timeout_s: float) -> Sequence[Event]:
        found = [event for heard in heard_within(self._heard, timeout_s) for event in self._received(*heard)]
        self._reconnect()
        return found

    def cancel(self, job_id: int) -> None:
        for worker in [worker for worker, job in self._jobs.items() if job.id == job_id]:
            del self._jobs[worker]
            self._clients.pop(worker, None)
            self._driver.send("kill", worker=worker)

    def close(self) -> None:
        self._driver.stop(_CLOSE_S)
        self._clients, self._jobs = {}, {}

    def _start(self) -> _Driver:
        return ChildProcess(
            "tiernas.executors.ray_driver",
            json.dumps(asdict(self._settings)),
            log=self._log,
            environment=self._environment,
            decode=_message,
            heard=self._heard,
        )

    def _received(self, driver: _Driver, said: _Message | Ended) -> Sequence[Event]:
        if driver is not self._driver:
            return []
        if isinstance(said, Ended):
            return self._lost(said)
        kind, values = said
        match kind:
            case "connected":
                if self._lost_s is not None:
                    _log.info("connected to the Ray cluster again")
                self._lost_s = None
            case "joined":
                machine = values.pop("machine")
                self._clients[values["worker"]] = _Client(Placement(**values), machine)
                self._unstarted = 0
            case "left":
                self._clients.pop(values["worker"], None)
            case "event":
                return self._event(**values)
            case "warning":
                _log.warning("%s", values["text"])
            case "unstarted":
                self._not_started(values["text"])
            case "refused" if self._clients:
                _log.warning("%s", values["text"])
            case "refused":
                raise UsageError(values["text"])
            case "unreachable":
                self._unreachable(values["text"])
        return []

    def _event(self, worker: str, event: Event, of_client: bool) -> Sequence[Event]:
        job = self._jobs.get(worker)
        if job is None or job.id != event.job_id:  # it was canceled
            return []
        if not isinstance(event, EpochDone):
            del self._jobs[worker]
        if isinstance(event, EpochDone | Paused | Finished):
            self._losses = 0
        return [self._judged(job.client, event) if of_client else event]

    def _judged(self, client: _Client, event: Event) -> Event:
        """What an event means, given what happened on its node before."""
        node, was_usable = client.placement.node, self._is_usable(client)
        machines = {client.machine, *(other.machine for other in self._clients.values())}
        judged = self._machines.judged(client.machine, event, machines)
        if judged is event or not isinstance(judged, Lost):
            return judged
        if was_usable:
            minutes = self._machines.rest_s / 60
            _log.warning("node %s is set aside for %.3g minutes: %s", node, minutes, judged.reason)
        return Lost(judged.job_id, f"node {node} is set aside: {judged.reason}")

    def _not_started(self, text: str) -> None:
        self._unstarted += 1
        if self._unstarted >= _IN_A_ROW and not self._clients:
            raise UsageError(
                f"no worker starts on the Ray cluster {self._where}: {text}, {_IN_A_ROW} times in a row; see Ray's "
                "logs on its nodes, in /tmp/ray/session_latest/logs"
            )
        _log.warning("%s", text)

    def _lost(self, driver: Ended) -> Sequence[Event]:
        """The driver ended: nothing that runs on the cluster reaches this server any more."""
        self._ended_s = time.monotonic()
        jobs, self._jobs, self._clients = list(self._jobs.values()), {}, {}
        self._machines.clear()
        if self._lost_s is not None:
            self._unreachable(driver.reason)
        else:
            self._lost_s = time.monotonic()
            self._losses += 1
            if self._losses > _IN_A_ROW:
                raise UsageError(
                    f"the Ray cluster {self._where} was lost {self._losses} times in a row without any progress in "
                    f"between; the last time: {driver.reason}"
                )
            _log.warning("the Ray cluster is lost; looking for it for %.0f s: %s", self._reconnect_s, driver.reason)
        return [Lost(job.id, f"the Ray cluster {self._where} was lost; see {self._log}") for job in jobs]

    def _reconnect(self) -> None:
        if self._ended_s is not None and time.monotonic() - self._ended_s > _RETRY_S:
            self._ended_s = None
            self._driver = self._start()

    def _unreachable(self, text: str) -> None:
        if self._lost_s is None or time.monotonic() - self._lost_s > self._reconnect_s:
            raise UsageError(
                f"Ray cluster {self._where} cannot be reached ({text}); start it with `ray start --head`, and run the "
                "server on one of its nodes, with the same Ray and Python and, if the cluster requires one, its token"
            )

    def _await_connection(self) -> None:
        while True:
            driver, said = self._heard.get()
            if isinstance(said, Ended):  # Ray ends a driver that finds no head
                self._unreachable(said.reason)
                return
            self._received(driver, said)
            if said[0] == "connected":
                return

    @property
    def _where(self) -> str:
        return self._settings.address or "on this machine"


@dataclass(frozen=True, slots=True)
class _Client:
    """An available worker, and Ray's id of its node."""

    placement: Placement
    machine: str


@dataclass(frozen=True, slots=True)
class _Running:
    """A job, and the worker that has it, or had it when it died."""

    id: int
    client: _Client


_Message = tuple[str, dict[str, Any]]
_Driver = ChildProcess[_Message]


def _message(kind: str, values: dict[str, Any]) -> _Message:
    return kind, values | {"event": event_of(*values["event"])} if kind == "event" else values


def _absolute(job: Job) -> Job:
    """The job as other machines must see it; creates the folder of its checkpoints."""
    data = dict(job.data)
    if data.get("path"):
        data["path"] = str(Path(data["path"]).absolute())
    place = job.checkpoint_dir
    if "://" not in place:
        place = str(Path(place).absolute())
        Path(place).mkdir(parents=True, exist_ok=True)
    return replace(job, data=data, checkpoint_dir=place, cache_dir=str(Path(job.cache_dir).absolute()))
