"""`Ledger`: the only truth about a search. Only the server writes it; everything else is rebuilt from its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tiernas.errors import NothingFoundError, UsageError
from tiernas.ledger.database import Database, copy_database
from tiernas.ledger.known import Known
from tiernas.ledger.models import Attempt, Candidate, Outcome, Purpose, State, Study, now

MAX_ATTEMPTS = 3
"""Tries after which a candidate whose worker died or raised is failed and the search goes on (DESIGN, section 3)."""


class Ledger:
    """Studies, candidates and attempts in an SQLite file.

    Every method is one transaction, so a process killed at any moment leaves whole rows. A method that changes a
    candidate brings the object it is given up to date.

    Args:
        path: The file; made if it is missing, upgraded if an older version wrote it.

    Raises:
        UsageError: The file is no ledger, a newer version wrote it, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path)

    @classmethod
    def of_begun_search(cls, path: Path) -> Ledger:
        """The ledger of a search that has begun, for reading what it did.

        Raises:
            NothingFoundError: There is none.
            UsageError: As for `Ledger`.
        """
        if not path.exists():
            raise NothingFoundError(f"no ledger {path}: the search has not begun; start it: tiernas search")
        return cls(path)

    @classmethod
    @contextmanager
    def copy_of(cls, path: Path) -> Iterator[Ledger]:
        """A copy of another search's ledger, for reading; the file itself stays as it is, whoever writes it meanwhile.

        Raises:
            UsageError: There is no such file, or as for `Ledger`.
        """
        with TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            copy_database(path, copy)
            with cls(copy) as ledger:
                yield ledger

    def close(self) -> None:
        """Closes the database."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open_study(self, name: str, settings: Mapping[str, Any]) -> Study:
        """The study of a name, made if it is new.

        Raises:
            UsageError: The study is there with other settings; the message names each that differs.
        """
        with self._database.transaction() as session:
            study = session.scalar(select(Study).where(Study.name == name))
            if study is None:
                study = Study(name=name, settings=dict(settings))
                session.add(study)
                session.flush()
            differing = [
                f"{key} was {_shown(study.settings.get(key))}, is {_shown(settings.get(key))}"
                for key in sorted(study.settings.keys() | settings.keys())
                if study.settings.get(key) != settings.get(key)
            ]
            if differing:
                raise UsageError(
                    f"ledger {self.path}: study {name} was begun with other settings: {'; '.join(differing)}. "
                    "Set them back to continue it, or choose another output folder."
                )
            return study

    def studies(self) -> Sequence[Study]:
        """All studies, oldest first."""
        with self._database.transaction() as session:
            return session.scalars(select(Study).order_by(Study.id)).all()

    def candidates(self, study: Study, purpose: Purpose = Purpose.SEARCH) -> Sequence[Candidate]:
        """The candidates of a study in the order they were proposed, with their attempts."""
        with self._database.transaction() as session:
            rows = select(Candidate).where(Candidate.study_id == study.id, Candidate.purpose == purpose)
            return session.scalars(rows.order_by(Candidate.number)).all()

    def propose(
        self,
        study: Study,
        vector: Sequence[int],
        digest: str,
        estimated_latency_ms: float,
        *,
        purpose: Purpose = Purpose.SEARCH,
        measurement: Mapping[str, Any] | None = None,
        seed_offset: int = 0,
    ) -> Candidate:
        """Records the next candidate of a study, pending."""
        with self._database.transaction() as session:
            candidate = Candidate(
                study_id=study.id,
                purpose=purpose,
                number=_next(session, Candidate.number, study.id, purpose),
                vector=[int(v) for v in vector],
                digest=digest,
                seed_offset=seed_offset,
                estimated_latency_ms=estimated_latency_ms,
                measurement=dict(measurement) if measurement else None,
                attempts=[],
            )
            session.add(candidate)
        return candidate

    def propose_again(
        self,
        study: Study,
        candidate: Candidate,
        purpose: Purpose,
        *,
        measurement: Mapping[str, Any] | None = None,
        seed_offset: int = 0,
    ) -> Candidate:
        """Records that the network of a candidate is to be trained for another purpose; see `propose`."""
        return self.propose(
            study,
            candidate.vector,
            candidate.digest,
            candidate.estimated_latency_ms,
            purpose=purpose,
            measurement=measurement,
            seed_offset=seed_offset,
        )

    def adopt(self, study: Study, known: Sequence[Known], reused: Mapping[str, int]) -> None:
        """Records, once and before the search of a tier begins, what was trained elsewhere.

        Args:
            study: A study without candidates.
            known: The networks; those inside the tier become candidates that are done, the others its history.
            reused: From where how many were taken.
        """
        with self._database.transaction() as session:
            if session.get_one(Study, study.id).reused is not None:
                raise ValueError(f"study {study.name} has begun")
            for purpose in (Purpose.SEARCH, Purpose.HISTORY):
                of_purpose = [k for k in known if k.inside == (purpose is Purpose.SEARCH)]
                session.add_all(
                    Candidate(
                        study_id=study.id,
                        purpose=purpose,
                        number=number,
                        vector=list(k.vector),
                        digest=k.digest,
                        estimated_latency_ms=k.estimated_latency_ms,
                        state=State.DONE,
                        accuracy=k.accuracy,
                        result=dict(k.result),
                        origin=k.origin,
                        ended_order=number,
                        finished_at=now(),
                    )
                    for number, k in enumerate(of_purpose)
                )
            session.add(study)
            study.reused = dict(reused)

    def record_measurement(self, candidate: Candidate, measurement: Mapping[str, Any]) -> None:
        """Records the measured latency of a candidate that may become a finalist."""
        with self._database.transaction() as session:
            session.get_one(Candidate, candidate.id).measurement = dict(measurement)

    def record_repeats(self, candidate: Candidate, repeated: Mapping[str, Any]) -> None:
        """Records what the trainings of a candidate with other seeds came to."""
        with self._database.transaction() as session:
            session.get_one(Candidate, candidate.id).repeated = dict(repeated)
        candidate.repeated = dict(repeated)

    def start(self, candidate: Candidate, worker: str) -> None:
        """Records that a worker trains a candidate: pending to running."""
        with self._database.transaction() as session:
            row = _in_state(session, candidate, State.PENDING)
            row.state = State.RUNNING
            row.attempts.append(Attempt(number=len(row.attempts) + 1, worker=worker))

    def progress(self, candidate: Candidate, epochs: int) -> None:
        """Records how many epochs of the running attempt are complete."""
        with self._database.transaction() as session:
            _in_state(session, candidate, State.RUNNING).attempts[-1].epochs = epochs

    def finish(self, candidate: Candidate, accuracy: float, result: Mapping[str, Any]) -> None:
        """Records a result: running to done."""
        with self._database.transaction() as session:
            row = _in_state(session, candidate, State.RUNNING)
            row.accuracy, row.result = accuracy, dict(result)
            _end_attempt(row, Outcome.DONE)
            _end(session, row, State.DONE)

    def pause(self, candidate: Candidate, epochs: int, accuracy: float, *, kept: bool, prune: bool) -> State:
        """Records what the screen saw at a rung.

        Args:
            candidate: A running candidate.
            epochs: Epochs that are complete.
            accuracy: Its accuracy at this point.
            kept: Whether it is among those of the rung that go on.
            prune: Whether it ends here.

        Returns:
            The new state: pruned, or pending until a worker is free.
        """
        with self._database.transaction() as session:
            row = _in_state(session, candidate, State.RUNNING)
            row.rungs = [*(row.rungs or []), {"epochs": epochs, "accuracy": accuracy, "kept": kept}]
            _end_attempt(row, Outcome.PAUSED)
            if prune:
                _end(session, row, State.PRUNED)
            else:
                row.state = State.PENDING
            return row.state

    def fail(self, candidate: Candidate, reason: str, *, retry: bool) -> State:
        """Records that an attempt ended without a result.

        Args:
            candidate: A running candidate.
            reason: What happened.
            retry: Whether another attempt may succeed (a dead worker), unlike a training that diverges.

        Returns:
            The new state: pending while there are attempts left, else failed.
        """
        with self._database.transaction() as session:
            row = _in_state(session, candidate, State.RUNNING)
            _end_attempt(row, Outcome.FAILED, reason)
            failures = sum(attempt.outcome is Outcome.FAILED for attempt in row.attempts)
            if retry and failures < MAX_ATTEMPTS:
                row.state = State.PENDING
            else:
                row.reason = reason
                _end(session, row, State.FAILED)
            return row.state

    def reclaim(self, reason: str) -> int:
        """Takes back what a dead server left running; the checkpoints stay.

        The server's death is nobody's fault: such attempts do not count against `MAX_ATTEMPTS`.

        Returns:
            How many candidates were taken back.
        """
        with self._database.transaction() as session:
            rows = session.scalars(select(Candidate).where(Candidate.state == State.RUNNING)).all()
            for row in rows:
                _end_attempt(row, Outcome.LOST, reason)
                row.state = State.PENDING
            return len(rows)


def _in_state(session: Session, candidate: Candidate, state: State) -> Candidate:
    """The candidate as the database has it now, part of the session; the object is the one that was given."""
    session.add(candidate)
    session.refresh(candidate)
    if candidate.state is not state:
        raise ValueError(f"candidate {candidate.number} is {candidate.state}, not {state}")
    return candidate


def _next(session: Session, column: InstrumentedAttribute[Any], study_id: int, purpose: Purpose) -> int:
    """One more than the largest value of a column within a study and purpose; 0 for the first."""
    rows = select(func.max(column)).where(Candidate.study_id == study_id, Candidate.purpose == purpose)
    largest = session.scalar(rows)
    return 0 if largest is None else int(largest) + 1


def _end_attempt(row: Candidate, outcome: Outcome, reason: str | None = None) -> None:
    attempt = row.attempts[-1]
    attempt.outcome, attempt.reason, attempt.finished_at = outcome, reason, now()


def _end(session: Session, row: Candidate, state: State) -> None:
    row.ended_order = _next(session, Candidate.ended_order, row.study_id, row.purpose)
    row.state, row.finished_at = state, now()


def _shown(value: object) -> str:
    return "not set" if value is None else repr(value)
