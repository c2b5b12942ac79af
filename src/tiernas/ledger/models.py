"""The tables of the ledger."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any

from sqlalchemy import Enum, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tiernas.ledger.columns import (
    Flag,
    Json,
    MeasurementFacts,
    Real,
    RepeatedFacts,
    ResultFacts,
    RungFacts,
    Text,
    Utc,
    Whole,
)

SCHEMA_VERSION = 4
"""Increased with every change of the tables, together with a migration; newer ledgers are refused."""


class State(enum.StrEnum):
    """State of a candidate: `pending -> running -> done | failed | pruned | dropped`.

    Back to pending when a worker dies, when a candidate that passed the screen waits for a worker, and when the user
    requeues a failed one. Dropped by the user, from pending or running.
    """

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    PRUNED = "pruned"
    DROPPED = "dropped"


class Outcome(enum.StrEnum):
    """How an attempt ended.

    `LOST` if the server or the machine died, `PAUSED` at a rung of the screen, `DROPPED` by the user.
    """

    RUNNING = "running"
    DONE = "done"
    PAUSED = "paused"
    FAILED = "failed"
    LOST = "lost"
    DROPPED = "dropped"


class Purpose(enum.StrEnum):
    """What a network is trained for.

    SEARCH: the short training of the search. HISTORY: the same training, done elsewhere, of a network outside this
    tier; the optimizer is told about it. REPEAT: the short training of one of the best again, with another seed.
    FINAL: the longer training of a finalist. PARENT: that of a whole parent, which is not proposed by the search.
    RIVAL: that of a known network, which need not be in the space. SEED: that of one of these three again, with
    another seed.
    """

    SEARCH = "search"
    HISTORY = "history"
    REPEAT = "repeat"
    FINAL = "final"
    PARENT = "parent"
    RIVAL = "rival"
    SEED = "seed"

    @property
    def is_entered(self) -> bool:
        """Whether its networks enter the model table."""
        return self in (Purpose.FINAL, *BASELINES)

    @property
    def is_final(self) -> bool:
        """Whether its networks get the longer training and the test."""
        return self.is_entered or self is Purpose.SEED


BASELINES = (Purpose.PARENT, Purpose.RIVAL)
"""Purposes of networks that the search does not propose: it is judged by them."""


def now() -> dt.datetime:
    """The time, in UTC."""
    return dt.datetime.now(dt.UTC)


class LedgerRow(DeclarativeBase):
    """Base of the rows of all tables. Everything but numbers and text is JSON: reading a row cannot execute code."""

    type_annotation_map = {  # noqa: RUF012
        dict[str, Any]: Json(dict[str, Any]),
        list[int]: Json(list[int]),
        str: Text(),
        int: Whole(),
        float: Real(),
        bool: Flag(),
        dt.datetime: Utc(),
        State: Enum(State, native_enum=False, length=7),
        Outcome: Enum(Outcome, native_enum=False, length=7),
        Purpose: Enum(Purpose, native_enum=False, length=7),
    }


class Info(LedgerRow):
    """One row: the version that wrote the ledger."""

    __tablename__ = "info"

    id: Mapped[int] = mapped_column(primary_key=True)
    schema_version: Mapped[int]
    tiernas_version: Mapped[str]
    created_at: Mapped[dt.datetime] = mapped_column(default=now)


class LeaseRow(LedgerRow):
    """The server's lease: one row, in which every column but `id` is null while there is no lease (`lease.py`).

    Attributes:
        token: New with every lease; a server whose token is no longer here has lost its lease.
        host: Name of the server's machine.
        machine: Identifies the boot of the machine, or container: two may have the same name.
        pid: Its process.
        began_s: When that process started, in seconds since the machine booted.
        lease_s: How many seconds a renewal lasts.
        renewals: Number of renewals.
        expires_at: When it expires: by the clock of PostgreSQL, or on SQLite of that machine.
        clients: Number of workers: how many candidates can be trained at once.
        idle: How many of these have nothing to do.
    """

    __tablename__ = "lease"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str | None] = mapped_column(String(32))
    host: Mapped[str | None]
    machine: Mapped[str | None]
    pid: Mapped[int | None]
    began_s: Mapped[float | None]
    lease_s: Mapped[float | None]
    renewals: Mapped[int | None]
    expires_at: Mapped[dt.datetime | None]
    clients: Mapped[int | None]
    idle: Mapped[int | None]


class Control(LedgerRow):
    """The user's orders to a running server: one row (`orders.py`).

    Attributes:
        paused: Whether no new training is started.
        trainings: Number of candidates per tier, which replaces the configured one.
        changed: Incremented by every order.
    """

    __tablename__ = "control"

    id: Mapped[int] = mapped_column(primary_key=True)
    paused: Mapped[bool] = mapped_column(default=False)
    trainings: Mapped[int | None]
    changed: Mapped[int] = mapped_column(default=0)


class Study(LedgerRow):
    """One search: a tier, a device and engine, a data set, a recipe.

    Attributes:
        name: Name of its tier, such as "0.5-0.8"; unique in a ledger.
        settings: Everything that the proposals and the accuracies depend on.
        reused: Ledgers whose accuracies were reused when the search of this tier began, and how many from each; None
            before it began.
    """

    __tablename__ = "studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    settings: Mapped[dict[str, Any]]
    reused: Mapped[dict[str, Any] | None] = mapped_column(Json(dict[str, int], optional=True))
    created_at: Mapped[dt.datetime] = mapped_column(default=now)


class Candidate(LedgerRow):
    """A training run of a network: one that the search proposed, or one that follows from it.

    Attributes:
        purpose: What it is trained for.
        index: Position in the order of proposals (of a finalist: rank in the tier), from 0; the column `number`.
        vector: The integers of the network; none of a rival, whose `measurement` has its name and architecture.
        digest: Digest of the architecture; with `seed_offset` unique within a study and purpose.
        seed_offset: Added to the seed of the study; 0 except for repeats.
        estimated_latency_ms: Estimate of the latency table.
        measurement: For networks measured end to end: latency, and fingerprint of the device and engine.
        accuracy: Top-1 accuracy on the validation split, once done.
        result: Everything else that training reported.
        rungs: The decisions of the screen: for each rung, `epochs`, `accuracy`, and whether it was `kept`.
        repeated: For one of the best that was trained with other seeds: `accuracy`, the mean over those;
            `standard_error` of it, or None; `seeds`, their number; and `rank_accuracy`, the mean over all seeds.
        origin: Where a reused accuracy comes from; None if it was trained here.
        reason: Why it failed or was dropped.
        forgiven: Attempts up to this number do not count against `MAX_ATTEMPTS`, because the user requeued it.
        ended_order: Larger than that of all of the same study and purpose that ended before; from 0.
    """

    __tablename__ = "candidates"
    __table_args__ = (
        UniqueConstraint("study_id", "purpose", "number"),
        UniqueConstraint("study_id", "purpose", "digest", "seed_offset"),
        Index("ix_candidates_ended_order", "study_id", "purpose", "ended_order"),
        Index("ix_candidates_finished_at", "finished_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), index=True)
    purpose: Mapped[Purpose]
    index: Mapped[int] = mapped_column("number")
    vector: Mapped[list[int]]
    digest: Mapped[str]
    seed_offset: Mapped[int] = mapped_column(default=0)
    estimated_latency_ms: Mapped[float]
    measurement: Mapped[dict[str, Any] | None] = mapped_column(Json(MeasurementFacts, optional=True))
    state: Mapped[State] = mapped_column(default=State.PENDING, index=True)
    accuracy: Mapped[float | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(Json(ResultFacts, optional=True))
    rungs: Mapped[list[dict[str, Any]] | None] = mapped_column(Json(list[RungFacts], optional=True))
    repeated: Mapped[dict[str, Any] | None] = mapped_column(Json(RepeatedFacts, optional=True))
    origin: Mapped[str | None]
    reason: Mapped[str | None]
    forgiven: Mapped[int] = mapped_column(default=0)
    ended_order: Mapped[int | None]
    created_at: Mapped[dt.datetime] = mapped_column(default=now)
    finished_at: Mapped[dt.datetime | None]
    attempts: Mapped[list[Attempt]] = relationship(order_by="Attempt.number", back_populates="candidate")

    @hybrid_property
    def number(self) -> int:
        """Its position from 1, as people read and type it, like the ranks in the names of entries."""
        return self.index + 1

    @property
    def rival(self) -> dict[str, str] | None:
        """Of a rival, also with another seed, its `name` and its `architecture` as JSON."""
        return (self.measurement or {}).get("rival")

    @property
    def ended(self) -> bool:
        """Whether its state is final: done, failed, pruned or dropped."""
        return self.state not in (State.PENDING, State.RUNNING)

    @property
    def merit(self) -> tuple[bool, float]:
        """The key for choosing the best of a tier; larger is better.

        Those that were trained with other seeds come first, by their mean: they were the most accurate to begin with,
        and a single accuracy that is still as high is high by chance.
        """
        if self.repeated is not None:
            return True, self.repeated["rank_accuracy"]
        return False, self.accuracy or 0.0


class Attempt(LedgerRow):
    """One attempt at training a candidate.

    Attributes:
        number: From 1.
        worker: Host and process of the worker.
        node: Host of the worker.
        gpu: The GPUs it had, as numbered by CUDA on that host; None if none.
        epochs: Number of completed epochs at the last report.
        validation_accuracy: Top-1 accuracy on the validation split after them; None if it was not reported.
        reason: Why it ended without a result.
    """

    __tablename__ = "attempts"
    __table_args__ = (UniqueConstraint("candidate_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    number: Mapped[int]
    outcome: Mapped[Outcome] = mapped_column(default=Outcome.RUNNING)
    worker: Mapped[str]
    node: Mapped[str | None]
    gpu: Mapped[str | None]
    epochs: Mapped[int] = mapped_column(default=0)
    validation_accuracy: Mapped[float | None]
    reason: Mapped[str | None]
    started_at: Mapped[dt.datetime] = mapped_column(default=now)
    finished_at: Mapped[dt.datetime | None]
    candidate: Mapped[Candidate] = relationship(back_populates="attempts")

    @property
    def duration_s(self) -> float | None:
        """Time from its start to its end, by the server's clock; None while it runs."""
        return None if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()
