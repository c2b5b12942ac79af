"""The workers on a Ray cluster: as many as fit, while nodes come and go."""

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

from tiernas.executors.child import SILENCE_S
from tiernas.executors.code_version import code_version
from tiernas.executors.executor import EpochDone, Event, Failed, Job, Lost
from tiernas.executors.fault import Fault, ended, ended_by, leaves_doubt
from tiernas.executors.ray_client import Introduction
from tiernas.executors.ray_crew import Crew
from tiernas.executors.ray_death import cause_of, fault_of_death
from tiernas.executors.ray_settings import RaySettings
from tiernas.executors.wire import event_message

Tell = Callable[..., None]
"""Takes the kind of a message to the server, and its values."""

_AGAIN_S = 10
"""Pause after a worker that could not be started, so that a broken node does not keep the cluster busy."""

_SHUTDOWN_S = 2
"""How long the end of a worker waits for the end of its node: a node that shuts down ends its workers first."""

_FINE = 10_000
"""Ray counts resources in units of 1/10,000."""


@dataclass(eq=False, slots=True)
class _Member:
    """A crew that has introduced itself."""

    crew: Crew
    who: Introduction
    clients: tuple[str, ...]
    jobs: dict[str, int] = field(default_factory=dict)
    sees: dict[str, bool] = field(default_factory=dict)


class RayPool:
    """Starts workers, gives them jobs and reports events to the server; all in one event loop.

    Args:
        settings: The resources of a worker, and their number.
        tell: Takes messages to the server: `joined`, `left`, `event`, `unstarted`, `refused`, `warning`.
    """

    def __init__(self, settings: RaySettings, tell: Tell) -> None:
        self._settings = settings
        self._tell = tell
        self._remote: Any = ray.remote(_loaded(settings.client))
        self._members: dict[str, _Member] = {}  # by client
        self._starting: set[asyncio.Task[None]] = set()
        self._jobs: set[asyncio.Task[None]] = set()
        self._not_before_s = 0.0
        self._told_too_large = False
        self._libraries: dict[str, str] | None = None
        self._shipped: dict[str, asyncio.Task[Any]] = {}

    async def keep_up(self) -> None:
        """Keeps the number of workers at what it should be; never returns."""
        await asyncio.gather(self._keep_started(), self._keep_alive())

    async def _keep_started(self) -> None:
        while True:
            try:
                nodes = await asyncio.to_thread(ray.nodes)
            except RayError as error:  # the head is away; workers continue, and Ray ends this process if it stays away
                self._tell("warning", text=f"the head of the Ray cluster does not answer: {cause_of(error)}")
            else:
                self._start_missing(nodes)
            await asyncio.sleep(self._settings.look_s)

    async def _keep_alive(self) -> None:
        """Notices idle workers that died or were suspended; those with a job are noticed by it."""
        while True:
            await asyncio.gather(*(self._look_at(member) for member in self._all() if not member.jobs))
            await asyncio.sleep(self._settings.look_s)

    async def _look_at(self, member: _Member) -> None:
        try:
            await asyncio.wait_for(member.crew.ping(), SILENCE_S)
        except RayError as error:
            await self._lost(member, error)
        except TimeoutError:
            if not member.jobs:
                self._remove(member)

    def _start_missing(self, nodes: Sequence[Mapping[str, Any]]) -> None:
        running = len(self._all()) + len(self._starting)
        wanted = wanted_crews(nodes, self._settings)
        if wanted == 0 and not self._told_too_large:
            self._told_too_large = True
            needs = f"{self._settings.cpus:g} CPUs and {self._settings.gpus:g} GPUs"
            self._tell("warning", text=f"no node of the Ray cluster has the {needs} of a worker; waiting for one")
        if time.monotonic() >= self._not_before_s:
            for _ in range(wanted - running):
                _keep(self._starting, self._start())

    def _all(self) -> Sequence[_Member]:
        return list({id(member): member for member in self._members.values()}.values())

    def run(self, client: str, job: Job) -> None:
        """Gives a job to a worker; if the worker has died meanwhile, the job is returned."""
        member = self._members.get(client)
        if member is None:
            self._event(client, Lost(job.id, f"worker {client} was gone before it got the job"), of_client=False)
            return
        member.jobs[client] = job.id
        _keep(self._jobs, self._run(member, client, job))

    def kill(self, client: str) -> None:
        """Ends the processes of a worker, whatever they are doing; no more events of its job are reported."""
        if (member := self._members.get(client)) is not None:
            member.jobs.pop(client, None)
            self._remove(member)

    async def close(self) -> None:
        """Ends every worker; returns when they are gone."""
        for task in self._starting | self._jobs:
            task.cancel()
        crews = [member.crew for member in self._all()]
        for crew in crews:
            crew.kill()
        await asyncio.gather(*(crew.gone() for crew in crews))

    async def _start(self) -> None:
        crew = Crew(self._remote, self._settings)
        try:
            who = await crew.introduce()
        except RayTaskError as error:
            crew.kill()
            self._refuse(f"a worker cannot start: {error.cause}")
        except RayError as error:  # died while starting: the next look starts another
            crew.kill()
            self._not_before_s = time.monotonic() + _AGAIN_S
            self._tell("unstarted", text=f"a worker could not be started: {cause_of(error)}")
        except Exception as error:  # nothing else catches what this task raises
            crew.kill()
            self._refuse(f"a worker cannot start: {type(error).__name__}: {error}")
        else:
            if (problem := self._mismatch(who)) is not None:
                crew.kill()
                self._refuse(problem)
                return
            self._join(crew, who)

    def _join(self, crew: Crew, who: Introduction) -> None:
        n = self._settings.jobs_per_process
        names = (who.worker,) if n == 1 else tuple(f"{who.worker}/{i}" for i in range(n))
        member = _Member(crew, who, names)
        for i, name in enumerate(names):
            self._members[name] = member
            gpu = ",".join(who.gpus[i::n]) or None
            self._tell("joined", worker=name, node=who.node, gpu=gpu, machine=who.machine)

    def _refuse(self, problem: str) -> None:
        self._not_before_s = time.monotonic() + _AGAIN_S
        self._tell("refused", text=problem)

    def _mismatch(self, who: Introduction) -> str | None:
        if who.code != code_version():
            return (
                f"worker {who.worker} has tiernas {who.code}, this server {code_version()}; install the same on every "
                "node, or remove it there: it is sent along"
            )
        if self._libraries is None:
            self._libraries = _own_libraries(self._settings)
        theirs = {name: who.libraries.get(name) for name in self._libraries}
        if theirs != self._libraries:
            return f"worker {who.worker} has {theirs}, this server {self._libraries}; install the same on every node"
        return None

    async def _run(self, member: _Member, client: str, job: Job) -> None:
        end: Event = Failed(job.id, f"worker {client} ended without a result", retry=True)
        try:
            async for event in member.crew.run(job, await self._data(member, job)):
                if isinstance(event, EpochDone):
                    self._event(client, event)
                else:
                    end = event
        except RayTaskError as error:  # raised by the worker around the job, not by the job
            end = ended_by(error.cause, job.id)
        except RayError as error:
            await self._lost(member, error)
            return
        except Exception as error:  # from what the job needs here, such as the data set that is sent along
            end = ended_by(error, job.id)
        if member.jobs.pop(client, None) is None:  # it was ended on purpose meanwhile
            return
        of_several = member.crew.is_several and isinstance(end, Failed)  # the state of the others is unknown
        if of_several or (len(member.clients) == 1 and leaves_doubt(end)):
            self._remove(member)
        self._event(client, end)

    async def _data(self, member: _Member, job: Job) -> Sequence[Any]:
        """A reference to the data set, in a list so that only nodes that need it fetch it; empty if files are seen."""
        path = job.data.get("path")
        if path is None:
            return []
        if path not in member.sees:
            member.sees[path] = await member.crew.sees(path)
        if member.sees[path]:
            return []
        key = json.dumps(job.data)
        if key not in self._shipped:
            self._shipped[key] = asyncio.create_task(asyncio.to_thread(_ship, job))
        return [await self._shipped[key]]

    async def _lost(self, member: _Member, error: RayError) -> None:
        """Removes a crew that Ray has lost, and returns its jobs."""
        self._remove(member)
        jobs, member.jobs = member.jobs, {}
        fault = fault_of_death(error)
        if jobs and fault is Fault.CANDIDATE and not await _is_there(member.who.machine):
            fault = Fault.MACHINE
        for client, job_id in jobs.items():
            text = f"worker {client} on node {member.who.node} died: {cause_of(error)}"
            self._event(client, ended(fault, job_id, text), of_client=fault is Fault.CANDIDATE)

    def _remove(self, member: _Member) -> None:
        member.crew.kill()  # it may only be unreachable, and must not continue what another worker will do
        for client in member.clients:
            if self._members.pop(client, None) is not None:
                self._tell("left", worker=client)

    def _event(self, client: str, event: Event, *, of_client: bool = True) -> None:
        """Reports an event; `of_client` if it says something about the node of the worker."""
        self._tell("event", worker=client, event=event_message(event), of_client=of_client)


def wanted_crews(nodes: Sequence[Mapping[str, Any]], settings: RaySettings) -> int:
    """Number of crews that there should be, given what `ray.nodes()` returns; each is on one node."""
    if settings.count is not None:
        return -(-settings.count // settings.jobs_per_process)
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    n = settings.processes_per_candidate
    return sum(
        min(round(node.get(name, 0) * _FINE) // (n * round(need * _FINE)) for name, need in settings.resources.items())
        for node in alive
    )


def _loaded(name: str) -> type:
    module, _, attribute = name.partition(":")
    found: type = getattr(import_module(module), attribute)
    return found


def _own_libraries(settings: RaySettings) -> dict[str, str]:
    libraries: dict[str, str] = _loaded(settings.client)().libraries()
    return libraries


async def _is_there(machine: str) -> bool:
    """Whether a node still exists after a moment: a node that shuts down ends its workers first."""
    await asyncio.sleep(_SHUTDOWN_S)
    try:
        nodes = await asyncio.to_thread(ray.nodes)
    except RayError:
        return False
    return any(node["NodeID"] == machine and node["Alive"] for node in nodes)


def _ship(job: Job) -> Any:
    from tiernas.executors.ray_data import load_packed

    return ray.put(load_packed(job.data, job.cache_dir))


def _keep(tasks: set[asyncio.Task[None]], work: Any) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
