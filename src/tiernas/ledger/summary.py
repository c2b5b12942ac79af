"""The data of status, with queries that read no more than needed: a ledger may contain 100,000 candidates."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from tiernas.ledger.database import Database
from tiernas.ledger.models import Attempt, Candidate, Outcome, Purpose, State, Study


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed candidate.

    Attributes:
        study: Name of its study.
        purpose: What it was trained for.
        number: Its number, from 1.
        reason: Why.
    """

    study: str
    purpose: Purpose
    number: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Running:
    """A running attempt.

    Attributes:
        study: Name of its study.
        purpose: What the network is trained for.
        number: Number of the candidate, from 1.
        attempt: Number of the attempt, from 1.
        epochs: Number of completed epochs.
        validation_accuracy: Top-1 accuracy on the validation split after them; None if it was not reported.
        worker: The worker.
        node: Host of the worker.
        gpu: Its GPUs.
        started_at: When it started, by the server's clock.
    """

    study: str
    purpose: Purpose
    number: int
    attempt: int
    epochs: int
    validation_accuracy: float | None
    worker: str
    node: str | None
    gpu: str | None
    started_at: dt.datetime


class Summarized:
    """The part of `Ledger` that reports the progress of a search."""

    _database: Database

    def count(self, study: Study, purpose: Purpose = Purpose.SEARCH, *, reused: bool = False) -> Counter[State]:
        """Number of candidates in each state, of those trained here or (`reused`) of those reused."""
        rows = (
            select(Candidate.state, func.count())
            .where(Candidate.study_id == study.id, Candidate.purpose == purpose)
            .where(Candidate.origin.is_not(None) if reused else Candidate.origin.is_(None))
            .group_by(Candidate.state)
        )
        with self._database.reading() as session:
            return Counter(dict(session.execute(rows).all()))

    def count_measured(self, study: Study) -> int:
        """Number of candidates of the search that were measured end to end."""
        of_study = Candidate.study_id == study.id, Candidate.purpose == Purpose.SEARCH
        rows = select(func.count()).where(*of_study, Candidate.measurement.is_not(None))
        with self._database.reading() as session:
            return session.scalar(rows) or 0

    def best(self, study: Study) -> Candidate | None:
        """The candidate with the highest `Candidate.merit`, the first one of equals; without its attempts."""
        repeated = self.repeated(study)
        return max(repeated, key=lambda c: (c.merit, -c.index), default=None) or self.most_accurate(study)

    def repeated(self, study: Study) -> Sequence[Candidate]:
        """The candidates of the search that were trained with other seeds; without their attempts."""
        of_study = Candidate.study_id == study.id, Candidate.purpose == Purpose.SEARCH
        with self._database.reading() as session:
            return session.scalars(select(Candidate).where(*of_study, Candidate.repeated.is_not(None))).all()

    def most_accurate(self, study: Study) -> Candidate | None:
        """The candidate with the highest accuracy of the search, the first one of equals; without its attempts."""
        of_study = select(Candidate).where(Candidate.study_id == study.id, Candidate.purpose == Purpose.SEARCH)
        by_accuracy = of_study.where(Candidate.accuracy.is_not(None))
        with self._database.reading() as session:
            return session.scalars(by_accuracy.order_by(Candidate.accuracy.desc(), Candidate.index).limit(1)).first()

    def accuracies(self, study: Study) -> Sequence[float]:
        """Accuracies of the candidates of the search that are done, in the order proposed."""
        of_study = Candidate.study_id == study.id, Candidate.purpose == Purpose.SEARCH, Candidate.state == State.DONE
        rows = select(Candidate.accuracy).where(*of_study, Candidate.accuracy.is_not(None))
        with self._database.reading() as session:
            return [accuracy for accuracy in session.scalars(rows.order_by(Candidate.index)) if accuracy is not None]

    def trained(self, study: Study) -> Sequence[tuple[list[int], float, float]]:
        """Vector, estimated latency and accuracy of the candidates of the search that are done, in order."""
        of_study = Candidate.study_id == study.id, Candidate.purpose == Purpose.SEARCH, Candidate.state == State.DONE
        rows = select(Candidate.vector, Candidate.estimated_latency_ms, Candidate.accuracy).where(*of_study)
        with self._database.reading() as session:
            found = session.execute(rows.order_by(Candidate.index)).all()
        return [(vector, latency_ms, accuracy) for vector, latency_ms, accuracy in found if accuracy is not None]

    def failures(self) -> Sequence[Failure]:
        """The failed candidates of all studies and purposes, in the order proposed."""
        rows = (
            select(Study.name, Candidate.purpose, Candidate.number, Candidate.reason)
            .join(Study)
            .where(Candidate.state == State.FAILED)
            .order_by(Study.id, Candidate.purpose, Candidate.index)
        )
        with self._database.reading() as session:
            return [Failure(*row) for row in session.execute(rows)]

    def running(self) -> Sequence[Running]:
        """The running attempts, oldest first."""
        rows = (
            select(
                Study.name.label("study"),
                Candidate.purpose,
                Candidate.number.label("number"),
                Attempt.number.label("attempt"),
                Attempt.epochs,
                Attempt.validation_accuracy,
                Attempt.worker,
                Attempt.node,
                Attempt.gpu,
                Attempt.started_at,
            )
            .select_from(Candidate)
            .join(Study)
            .join(Attempt)
            .where(Candidate.state == State.RUNNING, Attempt.outcome == Outcome.RUNNING)
            .order_by(Attempt.started_at)
        )
        with self._database.reading() as session:
            return [Running(**row) for row in session.execute(rows).mappings()]

    def recent_results(self, limit: int) -> Sequence[tuple[str, dict[str, Any]]]:
        """Name of the study and result of the training runs with the recipe of the search that were done last."""
        rows = (
            select(Study.name, Candidate.result)
            .join(Study)
            .where(Candidate.state == State.DONE, Candidate.origin.is_(None), Candidate.finished_at.is_not(None))
            .where(Candidate.purpose.in_((Purpose.SEARCH, Purpose.REPEAT)))
            .order_by(Candidate.finished_at.desc())
            .limit(limit)
        )
        with self._database.reading() as session:
            return [(study, result) for study, result in session.execute(rows) if result]

    def spent_s(self) -> Mapping[Purpose, tuple[int, float]]:
        """For each purpose, the number of candidates trained here that have ended and the time of all attempts in s."""
        attempts = select(Candidate.purpose, Attempt.started_at, Attempt.finished_at).join(Candidate)
        ended = select(Candidate.purpose, func.count()).where(Candidate.origin.is_(None))
        over = ended.where(Candidate.finished_at.is_not(None)).group_by(Candidate.purpose)
        seconds = dict.fromkeys(Purpose, 0.0)
        with self._database.reading() as session:
            for purpose, began, end in session.execute(attempts):
                seconds[purpose] += (end - began).total_seconds() if end else 0.0
            counts = dict(session.execute(over).all())
        return {purpose: (counts.get(purpose, 0), seconds[purpose]) for purpose in Purpose if seconds[purpose]}

    def ended_since(self, since: dt.datetime) -> int:
        """Number of candidates trained here that have ended since a time, by the server's clock."""
        rows = select(func.count()).where(Candidate.finished_at >= since, Candidate.origin.is_(None))
        with self._database.reading() as session:
            return session.scalar(rows) or 0
