"""The clients on a Ray cluster: as many as fit, while nodes come and go."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from tiernas.errors import UsageError
from tiernas.executors.code_version import code_version
from tiernas.executors.executor import Blocked, EpochDone, Event, Failed, Job
from tiernas.executors.ray_client import Introduction
from tiernas.executors.ray_death import cause_of
from tiernas.executors.ray_settings import RaySettings
from tiernas.executors.wire import decode_event, encode_job

Tell = Callable[..., None]
"""Takes the kind of a message to the server, and its values."""

_AGAIN_S = 10
"""Pause after a client that could not be started, so that a broken node does not keep the cluster busy."""

_FINE = 10_000
"""Ray counts resources in units of 1/10,000."""


@dataclass(eq=False, slots=True)
class _Process:
    """An actor that has introduced itself."""

    actor: Any
    node: str
    clients: tuple[str, ...]
    jobs: dict[str, int] = field(default_factory=dict)
    sees: dict[str, bool] = field(default_factory=dict)


class Pool:
    """Starts clients, gives them jobs and tells the server what happens; all in one event loop.

    Args:
        settings: What a client gets, and how many there may be.
        tell: Takes messages to the server: `joined`, `left`, `event`, `refused`.
    """

    def __init__(self, settings: RaySettings, tell: Tell) -> None:
        self._settings = settings
        self._tell = tell
        self._remote: Any = ray.remote(_loaded(settings.client))
        self._processes: dict[str, _Process] = {}  # by client
        self._starting: set[asyncio.Task[None]] = set()
        self._jobs: set[asyncio.Task[None]] = set()
        self._not_before_s = 0.0
        self._libraries: dict[str, str] | None = None
        self._shipped: dict[str, asyncio.Task[Any]] = {}

    async def keep_up(self) -> None:
        """Sees to it, for ever, that there are as many clients as there should be."""
        while True:
            try:
                nodes = await asyncio.to_thread(ray.nodes)
            except RayError as error:  # the head is away; clients train on, and Ray ends this process if it stays away
                self._tell("warning", text=f"the head of the Ray cluster does not answer: {cause_of(error)}")
            else:
                self._start_missing(nodes)
            await self._find_dead()
            await asyncio.sleep(self._settings.look_s)

    def _start_missing(self, nodes: Sequence[Mapping[str, Any]]) -> None:
        running = len({id(process) for process in self._processes.values()}) + len(self._starting)
        if time.monotonic() >= self._not_before_s:
            for _ in range(wanted_processes(nodes, self._settings) - running):
                _keep(self._starting, self._start())

    def run(self, client: str, job: Job) -> None:
        """Gives a job to a client; the client may have died meanwhile, then the job has failed."""
        process = self._processes.get(client)
        if process is None:
            self._event(client, Failed(job.id, f"client {client} was gone before it got the job", retry=True))
            return
        process.jobs[client] = job.id
        _keep(self._jobs, self._run(process, client, job))

    def kill(self, client: str) -> None:
        """Ends the process of a client, whatever it does."""
        if (process := self._processes.get(client)) is not None:
            process.jobs.pop(client, None)
            self._lost(process, "it was told to end")

    async def close(self) -> None:
        """Ends every client; returns when they are gone."""
        processes = {id(process): process for process in self._processes.values()}.values()
        for task in self._starting | self._jobs:
            task.cancel()
        for process in processes:
            ray.kill(process.actor)
        await asyncio.gather(*(_gone(process.actor) for process in processes))

    async def _start(self) -> None:
        settings = self._settings
        actor: Any = self._remote.options(
            num_cpus=settings.resources.get("CPU", 0),
            num_gpus=settings.resources.get("GPU", 0),
            max_concurrency=settings.jobs_per_process,
            max_restarts=0,
        ).remote()
        try:
            introduction: Introduction = await actor.introduce.remote()
        except RayTaskError as error:
            self._refuse(f"a client cannot start: {error.cause}")
        except RayError as error:  # died while it started: the next look starts another
            self._not_before_s = time.monotonic() + _AGAIN_S
            self._tell("warning", text=f"a client could not be started: {cause_of(error)}")
        else:
            if (problem := self._mismatch(introduction)) is not None:
                ray.kill(actor)
                self._refuse(problem)
                return
            self._join(actor, introduction)

    def _join(self, actor: Any, who: Introduction) -> None:
        n = self._settings.jobs_per_process
        names = (who.worker,) if n == 1 else tuple(f"{who.worker}/{i}" for i in range(n))
        process = _Process(actor, who.node, names)
        for i, name in enumerate(names):
            self._processes[name] = process
            gpu = ",".join(who.gpus[i::n]) or None
            self._tell("joined", worker=name, node=who.node, gpu=gpu)

    def _refuse(self, problem: str) -> None:
        self._not_before_s = time.monotonic() + _AGAIN_S
        self._tell("refused", text=problem)

    def _mismatch(self, who: Introduction) -> str | None:
        if who.code != code_version():
            return (
                f"client {who.worker} has tiernas {who.code}, this server {code_version()}; install the same on every "
                "node, or remove it there: it is sent along"
            )
        if self._libraries is None:
            self._libraries = _own_libraries(self._settings)
        theirs = {name: who.libraries.get(name) for name in self._libraries}
        if theirs != self._libraries:
            return f"client {who.worker} has {theirs}, this server {self._libraries}; install the same on every node"
        return None

    async def _run(self, process: _Process, client: str, job: Job) -> None:
        ended = False
        try:
            data = await self._data(process, job)
            events = process.actor.run.options(num_returns="streaming").remote(encode_job(job), data)
            async for reference in events:
                event = decode_event(await reference)
                if ended := not isinstance(event, EpochDone):
                    process.jobs.pop(client, None)
                self._event(client, event)
            if not ended:
                process.jobs.pop(client, None)
                self._event(client, Failed(job.id, f"client {client} ended without a result", retry=True))
        except UsageError as error:
            process.jobs.pop(client, None)
            self._event(client, Blocked(job.id, str(error)))
        except RayTaskError as error:  # raised by the client around the job, not by the job
            process.jobs.pop(client, None)
            self._event(client, Failed(job.id, f"client {client}: {error.cause}", retry=True))
        except RayError as error:
            self._lost(process, cause_of(error))

    async def _data(self, process: _Process, job: Job) -> Sequence[Any]:
        """A reference to the data set, in a list so that only who needs it fetches it; empty where it is seen."""
        path = job.data.get("path")
        if path is None:
            return []
        if path not in process.sees:
            process.sees[path] = await process.actor.sees.remote(path)
        if process.sees[path]:
            return []
        key = json.dumps(job.data)
        if key not in self._shipped:
            self._shipped[key] = asyncio.create_task(asyncio.to_thread(_ship, job))
        return [await self._shipped[key]]

    async def _find_dead(self) -> None:
        """Notices clients that died idle; those with a job are noticed by it."""
        idle = {id(process): process for process in self._processes.values() if not process.jobs}.values()
        asked = [(process, process.actor.sees.remote("/")) for process in idle]
        for process, answer in asked:
            try:
                await answer
            except RayError as error:
                self._lost(process, cause_of(error))

    def _lost(self, process: _Process, cause: str) -> None:
        ray.kill(process.actor)  # it may only be out of reach, and must not go on with what another one will do
        for client in process.clients:
            if self._processes.pop(client, None) is not None:
                self._tell("left", worker=client)  # first, so that it does not get the next job
                job_id = process.jobs.pop(client, None)
                if job_id is not None:
                    text = f"worker {client} on node {process.node} died: {cause}"
                    self._event(client, Failed(job_id, text, retry=True))

    def _event(self, client: str, event: Event) -> None:
        self._tell("event", worker=client, event=event)


def wanted_processes(nodes: Sequence[Mapping[str, Any]], settings: RaySettings) -> int:
    """How many processes there should be, given what `ray.nodes()` says."""
    if settings.count is not None:
        return -(-settings.count // settings.jobs_per_process)
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    return sum(
        min(round(node.get(name, 0) * _FINE) // round(need * _FINE) for name, need in settings.resources.items())
        for node in alive
    )


def _loaded(name: str) -> type:
    module, _, attribute = name.partition(":")
    found: type = getattr(import_module(module), attribute)
    return found


def _own_libraries(settings: RaySettings) -> dict[str, str]:
    libraries: dict[str, str] = _loaded(settings.client)().libraries()
    return libraries


def _ship(job: Job) -> Any:
    from tiernas.executors.ray_data import load_packed

    return ray.put(load_packed(job.data, job.cache_dir))


async def _gone(actor: Any) -> None:
    try:
        await actor.sees.remote("/")
    except RayError:
        return


def _keep(tasks: set[asyncio.Task[None]], work: Any) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
