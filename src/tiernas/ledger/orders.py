"""The user's orders while a search runs. Processes other than the server write them, each in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tiernas.errors import UsageError
from tiernas.ledger.database import Database
from tiernas.ledger.models import Candidate, Control, Outcome, Purpose, State, Study
from tiernas.ledger.transitions import end, end_attempt, lock_study


@dataclass(frozen=True, slots=True)
class Orders:
    """The user's orders to a running server.

    Attributes:
        paused: Whether no new training is started; running candidates continue.
        trainings: Number of candidates per tier, which replaces the configured one; None if it is not changed.
        changed: Incremented by every order; if it was, candidates may have been requeued or dropped.
    """

    paused: bool
    trainings: int | None
    changed: int


class Ordered:
    """The part of `Ledger` through which users give orders and the server reads them; callable from any process."""

    _database: Database

    def orders(self) -> Orders:
        """The orders to the server; cheap enough to be read several times a second."""
        with self._database.reading() as session:
            return Orders(*session.execute(select(Control.paused, Control.trainings, Control.changed)).one())

    def pause_study(self, paused: bool) -> None:
        """Orders that no new training is started, or that it is started again; running candidates continue."""
        with self._database.writing() as session:
            session.execute(update(Control).values(paused=paused, changed=Control.changed + 1))

    def set_trainings(self, trainings: int) -> None:
        """Orders a number of candidates per tier other than the configured one.

        Raises:
            UsageError: It is not positive.
        """
        if trainings < 1:
            raise UsageError(f"trainings {trainings}: must be 1 or more")
        with self._database.writing() as session:
            session.execute(update(Control).values(trainings=trainings, changed=Control.changed + 1))

    def requeue(self, study_name: str, number: int, purpose: Purpose = Purpose.SEARCH) -> None:
        """Orders another try of a failed candidate: to pending; its attempts so far no longer count.

        Raises:
            UsageError: There is no such candidate, or it did not fail.
        """
        with self._database.writing() as session:
            candidate = _named(session, study_name, number, purpose)
            if candidate.state is not State.FAILED:
                what = _what(study_name, number, purpose)
                raise UsageError(f"{what} is {candidate.state}; only a failed one can be requeued")
            _requeue(candidate)
            session.execute(update(Control).values(changed=Control.changed + 1))

    def requeue_failed(self, study_name: str | None = None, purpose: Purpose | None = None) -> int:
        """Orders another try of all failed candidates, like `requeue` for one.

        Args:
            study_name: Only those of this study.
            purpose: Only those of this purpose.

        Returns:
            The number of candidates.

        Raises:
            UsageError: There is no such study.
        """
        with self._database.writing() as session:
            ids = _studies(session)
            for study_id in sorted(ids.values()) if study_name is None else [_id_of(ids, study_name)]:
                lock_study(session, study_id)
            failed = select(Candidate).where(Candidate.state == State.FAILED)
            if study_name is not None:
                failed = failed.where(Candidate.study_id == ids[study_name])
            if purpose is not None:
                failed = failed.where(Candidate.purpose == purpose)
            rows = session.scalars(failed.with_for_update(of=Candidate)).all()
            for row in rows:
                _requeue(row)
            if rows:
                session.execute(update(Control).values(changed=Control.changed + 1))
            return len(rows)

    def drop(self, study_name: str, number: int, purpose: Purpose, reason: str) -> None:
        """Orders giving up a candidate: pending or running to dropped. The server stops it if it is running.

        Raises:
            UsageError: There is no such candidate, or it has ended.
        """
        with self._database.writing() as session:
            candidate = _named(session, study_name, number, purpose)
            if candidate.ended:
                what = _what(study_name, number, purpose)
                raise UsageError(f"{what} is {candidate.state}; only one that has not ended can be dropped")
            if candidate.state is State.RUNNING:
                end_attempt(candidate, Outcome.DROPPED, reason)
            candidate.reason = reason
            end(session, candidate, State.DROPPED)
            session.execute(update(Control).values(changed=Control.changed + 1))


def _requeue(candidate: Candidate) -> None:
    candidate.state = State.PENDING
    candidate.forgiven = len(candidate.attempts)
    candidate.reason = candidate.ended_order = candidate.finished_at = None


def _studies(session: Session) -> dict[str, int]:
    return dict(session.execute(select(Study.name, Study.id)).all())


def _id_of(ids: Mapping[str, int], study: str) -> int:
    if study not in ids:
        raise UsageError(f"tier {study!r}: not in the ledger; there are: {', '.join(sorted(ids)) or 'none yet'}")
    return ids[study]


def _named(session: Session, study: str, number: int, purpose: Purpose) -> Candidate:
    study_id = _id_of(_studies(session), study)
    lock_study(session, study_id)
    rows = select(Candidate).where(
        Candidate.study_id == study_id, Candidate.purpose == purpose, Candidate.number == number
    )
    candidate = session.scalar(rows.with_for_update(of=Candidate))
    if candidate is None:
        raise UsageError(f"{_what(study, number, purpose)}: not in the ledger")
    return candidate


def _what(study: str, number: int, purpose: Purpose) -> str:
    return f"tier {study}: {purpose} candidate {number}"
