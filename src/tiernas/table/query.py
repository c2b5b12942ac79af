"""Which entry answers a query, and why none does."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tiernas.errors import NothingFoundError, UsageError
from tiernas.limits import Limits
from tiernas.rounding import apart
from tiernas.table.entry import CLASSIFICATION, Entry, Task

CONDITIONS = ("data", "device", "engine", "batch", "threads")
"""Entries that differ in one of these are never compared: the accuracy is for other images, or the latency for another
machine, runtime or amount of work."""


class AmbiguousQueryError(UsageError):
    """The matching entries cannot be compared.

    Attributes:
        choices: The alternatives, each with all of `CONDITIONS`.
    """

    def __init__(self, message: str, choices: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(message)
        self.choices = choices


@dataclass(frozen=True, slots=True)
class Query:
    """A query. Fields that are not set match every entry.

    Attributes:
        max_latency_ms: Largest latency, above 0.
        min_accuracy: Smallest accuracy, 0 to 1.
        device: Name of the device, or part of it, in any case.
        engine: Deployment engine.
        precision: Precision.
        batch: Images per inference.
        threads: Threads of one inference.
        data: Data set, or its digest.
        study: Name of the study that found it.
        limits: The most that the network may have. What an entry does not say is not within any limit.
        as_found: Whether to use latencies as found instead of those on an undisturbed machine.
        task: What the networks do; entries of other tasks never match.
        local_devices: Devices of this machine: if `device` is not set and there are entries of one of them, only those
            match.

    Raises:
        UsageError: A number is out of range.
    """

    max_latency_ms: float | None = None
    min_accuracy: float | None = None
    device: str | None = None
    engine: str | None = None
    precision: str | None = None
    batch: int | None = None
    threads: int | None = None
    data: str | None = None
    study: str | None = None
    limits: Limits = field(default_factory=Limits)
    as_found: bool = False
    task: Task = CLASSIFICATION
    local_devices: Sequence[str] = ()

    def __post_init__(self) -> None:
        latency_ms, accuracy = self.max_latency_ms, self.min_accuracy
        if latency_ms is not None and not (math.isfinite(latency_ms) and latency_ms > 0):
            raise UsageError(f"max_latency_ms = {latency_ms}: must be a number of ms above 0, such as 0.8")
        if accuracy is not None and not 0 <= accuracy <= 1:
            percent = f"; write {accuracy / 100:g} or {accuracy:g}% for {accuracy:g} %"
            hint = percent if 2 <= accuracy <= 100 else ", such as 0.95"
            raise UsageError(f"min_accuracy = {accuracy}: must be from 0 to 1{hint}")
        for name, count in (("batch", self.batch), ("threads", self.threads)):
            if count is not None and count < 1:
                raise UsageError(f"{name} = {count}: must be at least 1")

    def comparable(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries with the device, engine, precision, batch size, thread count, data and study of the query.

        If a device has exactly the given name, others whose names contain it are excluded.
        """
        entries = [e for e in entries if e.task == self.task]
        exact = ("engine", "precision", "batch", "threads")
        is_local = self.is_local(entries)
        found = [e for e in entries if all(getattr(self, key) in (None, getattr(e, key)) for key in exact)]
        if self.data is not None:
            found = [e for e in found if self.data in (e.data, e.data_digest)]
        if self.study is not None:
            found = [e for e in found if self.study in (e.study, e.study_name)]
        if is_local:
            found = [e for e in found if e.device in self.local_devices]
        if self.device is not None:
            asked = self.device.lower()
            named = [e for e in found if e.device.lower() == asked]
            found = named or [e for e in found if asked in e.device.lower()]
        return found

    def is_local(self, entries: Sequence[Entry]) -> bool:
        """Whether only entries of this machine match: no other device is named, and there are some."""
        return self.device is None and any(e.device in self.local_devices for e in entries)

    def latency_ms(self, entry: Entry) -> float:
        """The latency of an entry that the query refers to."""
        return entry.found_ms if self.as_found else entry.latency_ms

    def met_by(self, entry: Entry) -> bool:
        """Whether an entry is recommended, within the budget and within the limits."""
        fast = self.max_latency_ms is None or self.latency_ms(entry) <= self.max_latency_ms
        accurate = self.min_accuracy is None or entry.accuracy >= self.min_accuracy
        return entry.recommended and fast and accurate and not self.limits.exceeded_by(entry.figures)


def answers(query: Query, entries: Sequence[Entry], table: str) -> list[Entry]:
    """The entries that meet a query, most accurate first; of equally accurate ones the fastest first.

    Args:
        query: The query.
        entries: The entries to choose from.
        table: The table's name in messages.

    Returns:
        At least one entry.

    Raises:
        AmbiguousQueryError: The matching entries have several data sets, devices, engines, batch sizes or thread
            counts.
        NothingFoundError: Nothing meets it; the message names the nearest entry and what it misses.
    """
    comparable = query.comparable(entries)
    if not comparable:
        raise NothingFoundError(_nothing_comparable(query, entries, table))
    _require_one_kind(comparable, table)
    met = [e for e in comparable if query.met_by(e)]
    if not met:
        raise NothingFoundError(f"nothing in {table} meets that; the nearest, {_nearest(query, comparable)}")
    return sorted(met, key=lambda e: (-e.accuracy, query.latency_ms(e)))


def conditions(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What distinguishes each entry from those of the others that it must not be compared with; see `CONDITIONS`.

    Data sets of the same name but with other images, classes or splits are distinguished by their digest.
    """
    names = Counter(name for name, _ in {(e.data, e.data_digest) for e in entries})
    return [
        {key: getattr(e, key) for key in CONDITIONS} | ({"data": e.data_digest} if names[e.data] > 1 else {})
        for e in entries
    ]


def options(choice: Mapping[str, Any], keys: Sequence[str] = CONDITIONS) -> str:
    """The options of `tiernas table query` that make a choice, as typed."""
    return " ".join(f"--{key} {shlex.quote(str(choice[key]))}" for key in keys)


def differing(choices: Sequence[Mapping[str, Any]]) -> list[str]:
    """The `CONDITIONS` in which choices differ."""
    return [key for key in CONDITIONS if len({choice[key] for choice in choices}) > 1]


def _require_one_kind(entries: Sequence[Entry], table: str) -> None:
    choices = list({tuple(choice.values()): choice for choice in conditions(entries)}.values())
    if len(choices) > 1:
        keys = differing(choices)
        listed = "\n  ".join(options(choice, keys) for choice in choices)
        raise AmbiguousQueryError(
            f"{table}: the matching entries differ in {' and '.join(keys)} and cannot be compared; choose one:\n"
            f"  {listed}",
            choices,
        )


def _nothing_comparable(query: Query, entries: Sequence[Entry], table: str) -> str:
    if not entries:
        return f"{table} has no entries; `tiernas search` adds some"
    local = " on this machine, whose entries count unless --device names another" if query.is_local(entries) else ""
    return f"{table} has nothing for that device, engine, data and study{local}; it has: " + "; ".join(
        sorted({_described(e) for e in entries})
    )


def _described(entry: Entry) -> str:
    runs_on = f"{entry.device}, {entry.engine} {entry.precision}, batch {entry.batch}, {entry.threads} thread(s)"
    task = "" if entry.task == CLASSIFICATION else f"{entry.task} (--task {entry.task}), "
    return f"{task}{runs_on}, {entry.data}, study {entry.study_name}"


def _nearest(query: Query, comparable: Sequence[Entry]) -> str:
    """The entry that misses a query by the least, and what it misses."""
    usable = [e for e in comparable if e.recommended] or comparable
    usable = [e for e in usable if not query.limits.exceeded_by(e.figures)] or usable
    accurate = [e for e in usable if query.min_accuracy is None or e.accuracy >= query.min_accuracy]
    nearest = min(accurate, key=query.latency_ms) if accurate else max(usable, key=lambda e: e.accuracy)
    misses = []
    if query.max_latency_ms is not None and query.latency_ms(nearest) > query.max_latency_ms:
        took, allowed = apart(query.latency_ms(nearest), query.max_latency_ms)
        misses.append(f"takes {took} ms, more than {allowed} ms")
    if query.min_accuracy is not None and nearest.accuracy < query.min_accuracy:
        reached, wanted = apart(nearest.accuracy, query.min_accuracy, digits=4)
        misses.append(f"has an accuracy of {reached}, less than {wanted}")
    misses += query.limits.exceeded_by(nearest.figures)
    if not nearest.recommended:
        misses.append(f"is not recommended: {nearest.advice}")
    return f"{nearest.name}, {' and '.join(misses)}"
