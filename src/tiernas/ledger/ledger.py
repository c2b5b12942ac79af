"""`Ledger`: the only truth about a search; everything else is rebuilt from its rows.

Only the server writes it, but for the orders of the user.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from tiernas.errors import NothingFoundError, UsageError
from tiernas.ledger.database import Database, copy_database
from tiernas.ledger.known import Known
from tiernas.ledger.lease import Lease, Server, Serving, leased, read_serving
from tiernas.ledger.location import Location
from tiernas.ledger.models import Attempt, Candidate, Outcome, Purpose, State, Study, now
from tiernas.ledger.orders import Ordered
from tiernas.ledger.reading import read_candidates, require_safe
from tiernas.ledger.summary import Summarized
from tiernas.ledger.transitions import end, end_attempt, locked, next_value

MAX_ATTEMPTS = 3
"""Tries after which a candidate whose worker died or raised is failed and the search goes on (DESIGN, section 3)."""


class Ledger(Ordered, Summarized):
    """Studies, candidates and attempts in an SQLite file or a PostgreSQL database.

    Every method is one transaction, so a process killed at any moment leaves whole rows. A method that changes a
    candidate brings the object it is given up to date. Where the user has dropped the candidate meanwhile, nothing is
    recorded, and its state says so.

    Args:
        location: A path or URL (see `Location.of`); made if it is missing or empty, upgraded if an older version
            wrote it.

    Attributes:
        name: What messages call it: the path, or the URL without password.

    Raises:
        UsageError: It is no ledger, a newer version wrote it, or it cannot be reached or written. From every method:
            it cannot be reached or written any more.
        NotInstalledError: The driver of PostgreSQL is missing.
    """

    def __init__(self, location: Path | str) -> None:
        self._open(Location.of(location), make=True)

    def _open(self, location: Location, *, make: bool) -> None:
        self.name = location.name
        self._location = location
        self._database = Database(location, make=make)

    @property
    def path(self) -> Path:
        """The SQLite file.

        Raises:
            ValueError: It is a PostgreSQL database.
        """
        if self._location.path is None:
            raise ValueError(f"ledger {self.name} is no file")
        return self._location.path

    @classmethod
    def of_begun_search(cls, location: Path | str) -> Ledger:
        """The ledger of a search that has begun, for reading what it did and giving orders.

        Raises:
            NothingFoundError: There is none.
            UsageError: As for `Ledger`.
        """
        where = Location.of(location)
        if where.path is not None and not where.path.exists():
            raise NothingFoundError(f"no ledger {where.name}: the search has not begun; start it: tiernas search")
        ledger = cls(location)
        if where.path is None and not ledger.studies():
            ledger.close()
            raise NothingFoundError(f"ledger {where.name}: the search has not begun; start it: tiernas search")
        return ledger

    @classmethod
    @contextmanager
    def copy_of(cls, location: Path | str) -> Iterator[Ledger]:
        """Another search's ledger, for reading; it stays as it is, whoever writes it meanwhile.

        A file is copied; a PostgreSQL database is read where it is.

        Raises:
            UsageError: There is no such ledger, an older version wrote it to PostgreSQL, or as for `Ledger`.
        """
        where = Location.of(location)
        if where.path is None:
            ledger = cls.__new__(cls)
            ledger._open(where, make=False)
            with ledger:
                yield ledger
            return
        with TemporaryDirectory() as folder:
            copy = Path(folder) / where.path.name
            copy_database(where.path, copy)
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
            UsageError: The study is there with other settings (the message names each that differs), or its name
                could lead out of a folder.
        """
        with self._database.writing() as session:
            study = session.scalar(select(Study).where(Study.name == name))
            if study is None:
                study = Study(name=name, settings=dict(settings))
                session.add(study)
                session.flush()
            require_safe(study, self.name)
            differing = [
                f"{key} was {_shown(study.settings.get(key))}, is {_shown(settings.get(key))}"
                for key in sorted(study.settings.keys() | settings.keys())
                if study.settings.get(key) != settings.get(key)
            ]
            if differing:
                raise UsageError(
                    f"ledger {self.name}: study {name} was begun with other settings: {'; '.join(differing)}. "
                    "Set them back to continue it, or choose another output folder."
                )
            return study

    def studies(self) -> Sequence[Study]:
        """All studies, oldest first.

        Raises:
            UsageError: The name of one could lead out of the folder of its checkpoints.
        """
        with self._database.reading() as session:
            studies = session.scalars(select(Study).order_by(Study.id)).all()
        for study in studies:
            require_safe(study, self.name)
        return studies

    def candidates(self, study: Study, purpose: Purpose = Purpose.SEARCH) -> Sequence[Candidate]:
        """The candidates of a study in the order they were proposed, with their attempts."""
        with self._database.reading() as session:
            return read_candidates(session, study, purpose)

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
        with self._database.writing() as session:
            candidate = Candidate(
                study_id=study.id,
                purpose=purpose,
                number=next_value(session, Candidate.number, study.id, purpose),
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
        with self._database.writing() as session:
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
        with self._database.writing() as session:
            session.get_one(Candidate, candidate.id).measurement = dict(measurement)

    def record_repeats(self, candidate: Candidate, repeated: Mapping[str, Any]) -> None:
        """Records what the trainings of a candidate with other seeds came to."""
        with self._database.writing() as session:
            session.get_one(Candidate, candidate.id).repeated = dict(repeated)
        candidate.repeated = dict(repeated)

    def start(self, candidate: Candidate, worker: str, node: str | None = None, gpu: str | None = None) -> State:
        """Records that a worker trains a candidate: pending to running.

        Returns:
            The new state: running, or dropped.
        """
        with self._database.writing() as session:
            if locked(session, candidate, State.PENDING):
                candidate.state = State.RUNNING
                number = len(candidate.attempts) + 1
                candidate.attempts.append(Attempt(number=number, worker=worker, node=node, gpu=gpu))
        return candidate.state

    def progress(self, candidate: Candidate, epochs: int) -> State:
        """Records how many epochs of the running attempt are complete.

        Returns:
            The state: running, or dropped.
        """
        with self._database.writing() as session:
            if locked(session, candidate, State.RUNNING):
                candidate.attempts[-1].epochs = epochs
        return candidate.state

    def finish(self, candidate: Candidate, accuracy: float, result: Mapping[str, Any]) -> State:
        """Records a result: running to done.

        Returns:
            The new state: done, or dropped.
        """
        with self._database.writing() as session:
            if locked(session, candidate, State.RUNNING):
                candidate.accuracy, candidate.result = accuracy, dict(result)
                end_attempt(candidate, Outcome.DONE)
                end(session, candidate, State.DONE)
        return candidate.state

    def pause(self, candidate: Candidate, epochs: int, accuracy: float, *, kept: bool, prune: bool) -> State:
        """Records what the screen saw at a rung.

        Args:
            candidate: A running candidate.
            epochs: Epochs that are complete.
            accuracy: Its accuracy at this point.
            kept: Whether it is among those of the rung that go on.
            prune: Whether it ends here.

        Returns:
            The new state: pruned, pending until a worker is free, or dropped.
        """
        with self._database.writing() as session:
            if locked(session, candidate, State.RUNNING):
                rung = {"epochs": epochs, "accuracy": accuracy, "kept": kept}
                candidate.rungs = [*(candidate.rungs or []), rung]
                end_attempt(candidate, Outcome.PAUSED)
                if prune:
                    end(session, candidate, State.PRUNED)
                else:
                    candidate.state = State.PENDING
        return candidate.state

    def fail(self, candidate: Candidate, reason: str, *, retry: bool) -> State:
        """Records that an attempt ended without a result.

        Args:
            candidate: A running candidate.
            reason: What happened.
            retry: Whether another attempt may succeed (a dead worker), unlike a training that diverges.

        Returns:
            The new state: pending while there are attempts left, else failed; or dropped.
        """
        with self._database.writing() as session:
            if locked(session, candidate, State.RUNNING):
                end_attempt(candidate, Outcome.FAILED, reason)
                counted = candidate.attempts[candidate.forgiven :]
                if retry and sum(attempt.outcome is Outcome.FAILED for attempt in counted) < MAX_ATTEMPTS:
                    candidate.state = State.PENDING
                else:
                    candidate.reason = reason
                    end(session, candidate, State.FAILED)
        return candidate.state

    def reclaim(self, reason: str) -> int:
        """Takes back what a dead server left running; the checkpoints stay.

        The server's death is nobody's fault: such attempts do not count against `MAX_ATTEMPTS`.

        Returns:
            How many candidates were taken back.
        """
        with self._database.writing() as session:
            rows = session.scalars(select(Candidate).where(Candidate.state == State.RUNNING).with_for_update()).all()
            for row in rows:
                end_attempt(row, Outcome.LOST, reason)
                row.state = State.PENDING
            return len(rows)

    def serve(self, server: Server, lease_s: float) -> AbstractContextManager[Lease]:
        """Holds the lease of the server while the context lasts; every write of this object checks that it still does.

        A server that was killed is replaced at once if it ran on this machine, else when its lease has run out. Time
        is told by the clock of PostgreSQL. On SQLite, where another machine wrote the lease, entering waits as long as
        it lasts, and sees whether it is renewed: the clocks of two machines may differ.

        Args:
            server: This process, `Server.here()`.
            lease_s: Seconds that the lease lasts without `Lease.renew`.

        Raises:
            UsageError: Another server holds the lease; the message names it and the seconds that are left.
            LeaseLostError: From everything that writes, in the context: another server has taken over.
        """
        return leased(self._database, server, lease_s)

    def serving(self) -> Serving | None:
        """The server that holds the lease; None after a clean end. One that was killed is not `alive`."""
        return read_serving(self._database)


def _shown(value: object) -> str:
    return "not set" if value is None else repr(value)
