"""`Ledger`: the only truth about a search. Only the server writes it; everything else is rebuilt from its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, func, insert, inspect, select
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

import tiernas
from tiernas.errors import NothingFoundError, UsageError
from tiernas.ledger.models import SCHEMA_VERSION, Attempt, Base, Candidate, Info, Outcome, Purpose, State, Study, now

MAX_ATTEMPTS = 3
"""Tries after which a candidate whose worker died or raised is failed and the search goes on (DESIGN, section 3)."""


class Ledger:
    """Studies, candidates and attempts in an SQLite file.

    Every method is one transaction, so a process killed at any moment leaves whole rows.

    Args:
        path: The file; made if it is missing.

    Raises:
        UsageError: The file is no ledger, a newer version wrote it, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = create_engine(f"sqlite:///{path}")
        _configure_sqlite(self._engine)
        try:
            self._open()
        except OperationalError as error:
            self.close()
            raise UsageError(f"ledger {path}: cannot be opened for writing ({error.orig})") from error
        except DatabaseError as error:
            self.close()
            raise UsageError(f"ledger {path}: not a ledger of tiernas ({error.orig}); choose another output") from error

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

    def _open(self) -> None:
        tables = inspect(self._engine).get_table_names()
        if tables and Info.__tablename__ not in tables:
            raise UsageError(f"ledger {self.path}: a database of something else; choose another output folder")
        if not tables:
            self._create()
        with self._transaction() as session:
            info = session.scalars(select(Info)).one()
        if info.schema_version > SCHEMA_VERSION:
            raise UsageError(
                f"ledger {self.path}: version {info.schema_version}, written by tiernas {info.tiernas_version}; "
                f"this tiernas ({tiernas.__version__}) reads up to version {SCHEMA_VERSION}. Update tiernas."
            )

    def _create(self) -> None:
        """Makes the tables in one transaction, so that nobody who opens the file meanwhile sees half of them."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            if not inspect(connection).get_table_names():
                Base.metadata.create_all(connection)
                info = {"schema_version": SCHEMA_VERSION, "tiernas_version": tiernas.__version__, "created_at": now()}
                connection.execute(insert(Info).values(info))
            connection.commit()

    def close(self) -> None:
        """Closes the database."""
        self._engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except OperationalError as error:
            raise UsageError(
                f"ledger {self.path}: cannot be written ({error.orig}); free some space. What is recorded is safe."
            ) from error

    def open_study(self, name: str, settings: Mapping[str, Any]) -> Study:
        """The study of a name, made if it is new.

        Raises:
            UsageError: The study is there with other settings; the message names each that differs.
        """
        with self._transaction() as session:
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
        with self._transaction() as session:
            return session.scalars(select(Study).order_by(Study.id)).all()

    def candidates(self, study: Study, purpose: Purpose = Purpose.SEARCH) -> Sequence[Candidate]:
        """The candidates of a study in the order they were proposed, with their attempts."""
        with self._transaction() as session:
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
    ) -> Candidate:
        """Records the next candidate of a study, pending."""
        with self._transaction() as session:
            rows = select(func.count()).where(Candidate.study_id == study.id, Candidate.purpose == purpose)
            candidate = Candidate(
                study_id=study.id,
                purpose=purpose,
                number=session.scalar(rows) or 0,
                vector=[int(v) for v in vector],
                digest=digest,
                estimated_latency_ms=estimated_latency_ms,
                measurement=dict(measurement) if measurement else None,
                attempts=[],
            )
            session.add(candidate)
        return candidate

    def record_measurement(self, candidate: Candidate, measurement: Mapping[str, Any]) -> None:
        """Records the measured latency of a candidate that may become a finalist."""
        with self._transaction() as session:
            session.get_one(Candidate, candidate.id).measurement = dict(measurement)

    def start(self, candidate: Candidate, worker: str) -> None:
        """Records that a worker trains a candidate: pending to running."""
        with self._transaction() as session:
            row = _in_state(session, candidate, State.PENDING)
            row.state = State.RUNNING
            row.attempts.append(Attempt(number=len(row.attempts) + 1, worker=worker))

    def progress(self, candidate: Candidate, epochs: int) -> None:
        """Records how many epochs of the running attempt are complete."""
        with self._transaction() as session:
            _in_state(session, candidate, State.RUNNING).attempts[-1].epochs = epochs

    def finish(self, candidate: Candidate, accuracy: float, result: Mapping[str, Any]) -> None:
        """Records a result: running to done."""
        with self._transaction() as session:
            row = _in_state(session, candidate, State.RUNNING)
            row.state, row.accuracy, row.result, row.finished_at = State.DONE, accuracy, dict(result), now()
            _end(row.attempts[-1], Outcome.DONE, None)

    def fail(self, candidate: Candidate, reason: str, *, retry: bool) -> State:
        """Records that an attempt ended without a result.

        Args:
            candidate: A running candidate.
            reason: What happened.
            retry: Whether another attempt may succeed (a dead worker), unlike a training that diverges.

        Returns:
            The new state: pending while there are attempts left, else failed.
        """
        with self._transaction() as session:
            row = _in_state(session, candidate, State.RUNNING)
            _end(row.attempts[-1], Outcome.FAILED, reason)
            return _retire(row, reason, retry=retry)

    def reclaim(self, reason: str) -> int:
        """Takes back what a dead server left running; the checkpoints stay.

        The server's death is nobody's fault: such attempts do not count against `MAX_ATTEMPTS`.

        Returns:
            How many candidates were taken back.
        """
        with self._transaction() as session:
            rows = session.scalars(select(Candidate).where(Candidate.state == State.RUNNING)).all()
            for row in rows:
                _end(row.attempts[-1], Outcome.LOST, reason)
                row.state = State.PENDING
            return len(rows)


def _in_state(session: Session, candidate: Candidate, state: State) -> Candidate:
    row = session.get_one(Candidate, candidate.id)
    if row.state is not state:
        raise ValueError(f"candidate {row.number} is {row.state}, not {state}")
    return row


def _end(attempt: Attempt, outcome: Outcome, reason: str | None) -> None:
    attempt.outcome, attempt.reason, attempt.finished_at = outcome, reason, now()


def _retire(row: Candidate, reason: str, *, retry: bool) -> State:
    failures = sum(attempt.outcome is Outcome.FAILED for attempt in row.attempts)
    if retry and failures < MAX_ATTEMPTS:
        row.state = State.PENDING
    else:
        row.state, row.reason, row.finished_at = State.FAILED, reason, now()
    return row.state


def _shown(value: object) -> str:
    return "not set" if value is None else repr(value)


def _configure_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA foreign_keys = ON")
