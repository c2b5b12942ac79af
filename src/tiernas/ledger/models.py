"""The tables of the ledger."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any

from sqlalchemy import JSON, DateTime, Enum, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

SCHEMA_VERSION = 2
"""Raised with every change of the tables; an older ledger is upgraded (`upgrade.py`), a newer one is refused."""


class State(enum.StrEnum):
    """State of a candidate: `pending -> running -> done | failed | pruned`.

    Back to pending where a worker dies, and where a training that the screen lets go on waits for a worker.
    """

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    PRUNED = "pruned"


class Outcome(enum.StrEnum):
    """How an attempt ended; `LOST` where the server died, `PAUSED` at a rung of the screen."""

    RUNNING = "running"
    DONE = "done"
    PAUSED = "paused"
    FAILED = "failed"
    LOST = "lost"


class Purpose(enum.StrEnum):
    """What a network is trained for.

    SEARCH: the short training of the search. HISTORY: the same training, done elsewhere, of a network outside this
    tier; the optimizer is told of it. REPEAT: the short training of one of the best once more, with another seed.
    FINAL: the longer training of a finalist.
    """

    SEARCH = "search"
    HISTORY = "history"
    REPEAT = "repeat"
    FINAL = "final"


def now() -> dt.datetime:
    """The time, in UTC."""
    return dt.datetime.now(dt.UTC)


class Base(DeclarativeBase):
    """Base of the tables."""

    type_annotation_map = {dict[str, Any]: JSON, list[int]: JSON, list[dict[str, Any]]: JSON}  # noqa: RUF012


class Info(Base):
    """One row: which version wrote the ledger."""

    __tablename__ = "info"

    id: Mapped[int] = mapped_column(primary_key=True)
    schema_version: Mapped[int]
    tiernas_version: Mapped[str]
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=now)


class Study(Base):
    """One search: a tier, a device and engine, a data set, a recipe.

    Attributes:
        name: Name of its tier, such as "0.5-0.8"; unique in a ledger.
        settings: Everything that the proposals and the accuracies depend on.
        reused: Ledgers that accuracies were taken over from when the search of this tier began, and how many from
            each; None before it began.
    """

    __tablename__ = "studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    settings: Mapped[dict[str, Any]]
    reused: Mapped[dict[str, Any] | None]
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=now)


class Candidate(Base):
    """A training of a network: one that the search proposed, or one that follows from it.

    Attributes:
        purpose: What it is trained for.
        number: Position in the order of proposals (of a finalist: rank in the tier), from 0.
        vector: The integers of the network.
        digest: Digest of the architecture; with `seed_offset` unique within a study and purpose.
        seed_offset: What is added to the seed of the study: 0 but for repeats.
        estimated_latency_ms: Estimate of the latency table.
        measurement: Of a network that was measured whole, its latency and the fingerprint of what it ran on.
        accuracy: Top-1 accuracy on the validation part, once done.
        result: The rest of what the training reported.
        rungs: What the screen saw, rung by rung: `epochs`, `accuracy` there, and whether it was `kept`.
        repeated: Of one of the best that was trained with other seeds: `accuracy`, the mean of the others;
            `standard_error` of that, or None; `seeds`, how many others; and `rank_accuracy`, the mean of all.
        origin: Where the accuracy was taken over from; None where it was trained here.
        reason: Why it failed.
        ended_order: Position in the order in which those of the study and purpose ended, from 0.
    """

    __tablename__ = "candidates"
    __table_args__ = (
        UniqueConstraint("study_id", "purpose", "number"),
        UniqueConstraint("study_id", "purpose", "digest", "seed_offset"),
        Index("ix_candidates_ended_order", "study_id", "purpose", "ended_order"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), index=True)
    purpose: Mapped[Purpose] = mapped_column(Enum(Purpose, native_enum=False))
    number: Mapped[int]
    vector: Mapped[list[int]]
    digest: Mapped[str]
    seed_offset: Mapped[int] = mapped_column(default=0)
    estimated_latency_ms: Mapped[float]
    measurement: Mapped[dict[str, Any] | None]
    state: Mapped[State] = mapped_column(Enum(State, native_enum=False), default=State.PENDING, index=True)
    accuracy: Mapped[float | None]
    result: Mapped[dict[str, Any] | None]
    rungs: Mapped[list[dict[str, Any]] | None]
    repeated: Mapped[dict[str, Any] | None]
    origin: Mapped[str | None]
    reason: Mapped[str | None]
    ended_order: Mapped[int | None]
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=now)
    finished_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[list[Attempt]] = relationship(
        order_by="Attempt.number", back_populates="candidate", lazy="selectin"
    )

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more: done, failed or pruned."""
        return self.state not in (State.PENDING, State.RUNNING)

    @property
    def merit(self) -> tuple[bool, float]:
        """What the best of a tier are chosen by; larger is better.

        Those that were trained with other seeds come first, by their mean: they were the most accurate to begin with,
        and a single accuracy that is still as high is high by chance.
        """
        if self.repeated is not None:
            return True, self.repeated["rank_accuracy"]
        return False, self.accuracy or 0.0


class Attempt(Base):
    """One try at training a candidate.

    Attributes:
        number: From 1.
        worker: Host and process that tried.
        epochs: Epochs that were complete at the last report.
        reason: Why it ended without a result.
    """

    __tablename__ = "attempts"
    __table_args__ = (UniqueConstraint("candidate_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    number: Mapped[int]
    outcome: Mapped[Outcome] = mapped_column(Enum(Outcome, native_enum=False), default=Outcome.RUNNING)
    worker: Mapped[str]
    epochs: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None]
    started_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=now)
    finished_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    candidate: Mapped[Candidate] = relationship(back_populates="attempts")
