"""The actors that form one worker: one, or several that train a candidate together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from tiernas.executors.executor import Blocked, EpochDone, Event, Failed, Job, Lost
from tiernas.executors.ray_client import Introduction
from tiernas.executors.ray_settings import RaySettings
from tiernas.executors.seat import Seat
from tiernas.executors.wire import decode_event, encode_job

_SETTLE_S = 30
"""Once one of several processes has failed, the time for the others to end, or for Ray to report one of them dead."""


class Crew:
    """Actors that start, do one job at a time (or several, as threads) and end together.

    Several are in one placement group on one node: either all of them are started or none is, and they share a folder.

    Args:
        remote: The class of the actors, `ray.remote` of a `Client`.
        settings: The number of actors, and their resources.
    """

    def __init__(self, remote: Any, settings: RaySettings) -> None:
        needs = settings.resources
        self._group: PlacementGroup | None = None
        if settings.processes_per_candidate > 1:
            self._group = placement_group([needs] * settings.processes_per_candidate, strategy="STRICT_PACK")
        self._actors: Sequence[Any] = [
            remote.options(
                num_cpus=needs.get("CPU", 0),
                num_gpus=needs.get("GPU", 0),
                max_concurrency=settings.jobs_per_process,
                max_restarts=0,
                scheduling_strategy=_bundle(self._group, number),
            ).remote()
            for number in range(settings.processes_per_candidate)
        ]

    @property
    def is_several(self) -> bool:
        """Whether several processes train a candidate together."""
        return len(self._actors) > 1

    async def introduce(self) -> Introduction:
        """What the first reports about itself, with the GPUs of all.

        Raises:
            RayTaskError: Something that jobs need is missing.
            RayError: One died while starting.
        """
        introductions: list[Introduction] = await asyncio.gather(*(actor.introduce.remote() for actor in self._actors))
        gpus = tuple(gpu for who in introductions for gpu in who.gpus)
        if self.is_several and gpus:
            await asyncio.gather(*(actor.share_gpus.remote(gpus) for actor in self._actors))
        return replace(introductions[0], gpus=gpus)

    async def sees(self, path: str) -> bool:
        """Whether a file or folder exists on their node."""
        seen: bool = await self._actors[0].sees.remote(path)
        return seen

    async def ping(self) -> None:
        """Returns when all have answered.

        Raises:
            RayError: One is dead.
        """
        await asyncio.gather(*(actor.sees.remote("/") for actor in self._actors))

    async def run(self, job: Job, data: Sequence[Any]) -> AsyncIterator[Event]:
        """Does a job; yields its events as they come.

        Args:
            job: The job.
            data: See `Client.work`.

        Raises:
            RayTaskError: From the worker around the job.
            RayError: One is dead.
        """
        line = encode_job(job)
        if not self.is_several:
            async for reference in self._actors[0].run.options(num_returns="streaming").remote(line, data):
                yield decode_event(await reference)
            return
        meeting = await self._actors[0].meet.remote()
        size = len(self._actors)
        streams = [
            actor.run_together.options(num_returns="streaming").remote(line, data, Seat(rank, size, meeting))
            for rank, actor in enumerate(self._actors)
        ]
        async for event in _merged(streams):
            yield event

    def kill(self) -> None:
        """Ends all of them, whatever they are doing; returns at once."""
        for actor in self._actors:
            ray.kill(actor)
        if self._group is not None:
            remove_placement_group(self._group)

    async def gone(self) -> None:
        """Returns when all of them have ended."""
        for actor in self._actors:
            try:
                await actor.sees.remote("/")
            except RayError:
                continue


def _bundle(group: PlacementGroup | None, number: int) -> PlacementGroupSchedulingStrategy | None:
    return None if group is None else PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=number)


async def _merged(streams: Sequence[Any]) -> AsyncIterator[Event]:
    """The epochs of a job that several processes do, and how it ended for all of them."""
    said: asyncio.Queue[tuple[int, Event | RayError]] = asyncio.Queue()
    following = [asyncio.create_task(_follow(rank, stream, said)) for rank, stream in enumerate(streams)]
    ends: dict[int, Event] = {}
    try:
        while len(ends) < len(streams):
            failed = any(isinstance(end, Failed | Lost | Blocked) for end in ends.values())
            try:
                rank, event = await asyncio.wait_for(said.get(), _SETTLE_S if failed else None)
            except TimeoutError:  # the others are waiting for the one that failed
                break
            if isinstance(event, RayError):
                raise event
            if isinstance(event, EpochDone):
                yield event
            else:
                ends[rank] = event
    finally:
        for task in following:
            task.cancel()
    yield _end_of_all(ends)


async def _follow(rank: int, stream: Any, said: asyncio.Queue[tuple[int, Event | RayError]]) -> None:
    try:
        async for reference in stream:
            await said.put((rank, decode_event(await reference)))
    except RayError as error:
        await said.put((rank, error))


def _end_of_all(ends: Mapping[int, Event]) -> Event:
    """What the first one reports, unless something went wrong for one of them."""
    blocked = [end for end in ends.values() if isinstance(end, Blocked)]
    if blocked:
        return blocked[0]
    failed = [end for end in ends.values() if isinstance(end, Failed)]
    if failed:
        reasons = dict.fromkeys(end.reason for end in failed)
        return Failed(failed[0].job_id, "; ".join(reasons), retry=all(end.retry for end in failed))
    return next((end for end in ends.values() if isinstance(end, Lost)), ends[min(ends)])
