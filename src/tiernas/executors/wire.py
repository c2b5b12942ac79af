"""Jobs and events as lines of JSON: all that goes between a server and its workers."""

from __future__ import annotations

import json
from dataclasses import asdict

from tiernas.executors.executor import Blocked, EpochDone, Event, Failed, Finished, Job, Lost, Paused

_KINDS: dict[str, type[Event]] = {
    "epoch": EpochDone,
    "paused": Paused,
    "finished": Finished,
    "failed": Failed,
    "lost": Lost,
    "blocked": Blocked,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode_job(job: Job) -> str:
    """A job as one line."""
    return json.dumps(asdict(job))


def decode_job(line: str) -> Job:
    """The job of a line."""
    return Job(**json.loads(line))


def encode_event(event: Event) -> str:
    """An event as one line."""
    return json.dumps([_NAMES[type(event)], asdict(event)])


def decode_event(line: str) -> Event:
    """The event of a line."""
    name, values = json.loads(line)
    return _KINDS[name](**values)
