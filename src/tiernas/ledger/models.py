"""The tables of the ledger."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any

from sqlalchemy import JSON, DateTime, Enum, ForeignKey, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

SCHEMA_VERSION = 1
"""Raised with every change of the tables; a ledger of a newer version is refused."""


class State(enum.StrEnum):
    """State of a candidate: `pending -> running -> done | failed | pruned`, and back to pending if a worker dies."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    PRUNED = "pruned"


class Outcome(enum.StrEnum):
    """How an attempt ended; `LOST` where its worker or the server died."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


class Purpose(enum.StrEnum):
    """What a network is trained for: the search's short training, or the longer one of a finalist."""

    SEARCH = "search"
    FINAL = "final"


def now() -> dt.datetime:
    """The time, in UTC."""
    return dt.datetime.now(dt.UTC)


class Base(DeclarativeBase):
    """Base of the tables."""

    type_annotation_map = {dict[str, Any]: JSON, list[int]: JSON}  # noqa: RUF012


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
    """

    __tablename__ = "studies"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    settings: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=now)


class Candidate(Base):
    """A network that the search proposed, or one of its finalists, which is trained again and longer.

    Attributes:
        purpose: Short training of the search or long training of a finalist.
        number: Position in the order of proposals (of a finalist: rank in the tier), from 0.
        vector: The integers of the network.
        digest: Digest of the architecture, which no two candidates of a study and purpose share.
        estimated_latency_ms: Estimate of the latency table.
        measurement: Of a network that was measured whole, its latency and the fingerprint of what it ran on.
        accuracy: Top-1 accuracy on the validation part, once done.
        result: The rest of what the training reported.
        reason: Why it failed.
    """

    __tablename__ = "candidates"
    __table_args__ = (
        UniqueConstraint("study_id", "purpose", "number"),
        UniqueConstraint("study_id", "purpose", "digest"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), index=True)
    purpose: Mapped[Purpose] = mapped_column(Enum(Purpose, native_enum=False))
    number: Mapped[int]
    vector: Mapped[list[int]]
    digest: Mapped[str]
    estimated_latency_ms: Mapped[float]
    measurement: Mapped[dict[str, Any] | None]
    state: Mapped[State] = mapped_column(Enum(State, native_enum=False), default=State.PENDING, index=True)
    accuracy: Mapped[float | None]
    result: Mapped[dict[str, Any] | None]
    reason: Mapped[str | None]
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=now)
    finished_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[list[Attempt]] = relationship(
        order_by="Attempt.number", back_populates="candidate", lazy="selectin"
    )

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more: done, failed or pruned."""
        return self.state not in (State.PENDING, State.RUNNING)


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
