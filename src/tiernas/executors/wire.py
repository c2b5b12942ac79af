"""Jobs and events as plain values and as lines of JSON: everything sent between a server and its workers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

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


def job_values(job: Job) -> dict[str, Any]:
    """A job as plain values; `Job(**values)` reverses it."""
    return asdict(job)


def event_message(event: Event) -> tuple[str, dict[str, Any]]:
    """The kind and the values of an event."""
    return _NAMES[type(event)], asdict(event)


def event_of(kind: str, values: Mapping[str, Any]) -> Event:
    """The event of a kind and values."""
    return _KINDS[kind](**values)


def encode_job(job: Job) -> str:
    """Encodes a job as one line."""
    return json.dumps(job_values(job))


def decode_job(line: str) -> Job:
    """Decodes the job of a line."""
    return Job(**json.loads(line))


def encode_event(event: Event) -> str:
    """Encodes an event as one line."""
    return json.dumps(event_message(event))


def decode_event(line: str) -> Event:
    """Decodes the event of a line."""
    return event_of(*json.loads(line))
