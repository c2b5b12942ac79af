"""What the server records about training: the state machine of a candidate."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from tiernas.ledger.database import Database
from tiernas.ledger.models import Attempt, Candidate, Outcome, State
from tiernas.ledger.transitions import end, end_attempt, lock_study, locked

MAX_ATTEMPTS = 3
"""Attempts after which a candidate whose worker died or raised has failed, and the search continues without it."""


class Trained:
    """The part of `Ledger` through which the server records what happens to candidates.

    Each method updates the given object. If the user has dropped the candidate meanwhile, nothing is recorded, and its
    state is dropped.
    """

    _database: Database

    def together(self) -> AbstractContextManager[Session]:
        """Combines what this thread records in the context into one transaction, committed at the end or not at all.

        A transaction costs more than its contents, so simultaneous events are recorded together.
        """
        return self._database.together()

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

    def progress(self, candidate: Candidate, epochs: int, validation_accuracy: float | None = None) -> State:
        """Records the progress of the running attempt.

        Args:
            candidate: A running candidate.
            epochs: Number of completed epochs.
            validation_accuracy: After the last of them, if known.

        Returns:
            The state: running, or dropped.
        """
        attempt = candidate.attempts[-1]
        values = {"epochs": epochs, "validation_accuracy": validation_accuracy}
        running = Attempt.candidate_id == candidate.id, Attempt.outcome == Outcome.RUNNING
        with self._database.writing() as session:
            lock_study(session, candidate.study_id)
            rows = update(Attempt).where(*running).values(values).execution_options(synchronize_session=False)
            changed = cast("CursorResult[Any]", session.execute(rows))
            if changed.rowcount:  # the most frequent write needs only one statement
                for name, value in values.items():
                    set_committed_value(attempt, name, value)
            else:
                locked(session, candidate, State.RUNNING)
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
        """Records the decision of the screen at a rung.

        Args:
            candidate: A running candidate.
            epochs: Number of completed epochs.
            accuracy: Its accuracy at this point.
            kept: Whether it is among those of the rung that continue.
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
            retry: Whether another attempt may succeed (a dead worker), unlike training that diverges.

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

    def lose(self, candidate: Candidate, reason: str) -> State:
        """Records that an attempt was interrupted for a reason other than the candidate: running to pending.

        Such attempts do not count against `MAX_ATTEMPTS`.

        Returns:
            The new state: pending, or dropped.
        """
        with self._database.writing() as session:
            if locked(session, candidate, State.RUNNING):
                end_attempt(candidate, Outcome.LOST, reason)
                candidate.state = State.PENDING
        return candidate.state

    def retrain(self, candidate: Candidate) -> State:
        """Records that the trained weights of a candidate are damaged or gone: done to pending.

        Its accuracy, result and deployment are removed; its attempts stay.

        Returns:
            The new state: pending.
        """
        with self._database.writing() as session:
            if locked(session, candidate, State.DONE):
                candidate.state = State.PENDING
                candidate.accuracy = candidate.result = candidate.ended_order = candidate.finished_at = None
                measured = candidate.measurement
                candidate.measurement = measured and {k: v for k, v in measured.items() if k != "deployment"}
        return candidate.state

    def reclaim(self, reason: str) -> int:
        """Returns everything running to pending, like `lose` for one, after a server died. The checkpoints stay.

        Returns:
            The number of candidates.
        """
        running = Candidate.state == State.RUNNING
        with self._database.writing() as session:
            studies = select(Candidate.study_id).where(running).distinct().order_by(Candidate.study_id)
            for study_id in session.scalars(studies).all():
                lock_study(session, study_id)
            rows = session.scalars(select(Candidate).where(running).with_for_update()).all()
            for row in rows:
                end_attempt(row, Outcome.LOST, reason)
                row.state = State.PENDING
            return len(rows)
