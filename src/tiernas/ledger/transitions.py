"""The steps that the state changes of a candidate have in common; each within the transaction of its caller."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tiernas.ledger.models import Candidate, Outcome, Purpose, State, Study, now


def locked(session: Session, candidate: Candidate, state: State) -> bool:
    """Brings the object that was given up to date, and keeps others from changing its row.

    Returns:
        Whether it is in this state; False where the user dropped it meanwhile.

    Raises:
        ValueError: It is in any other state.
    """
    session.add(candidate)
    session.refresh(candidate, with_for_update=True)
    session.refresh(candidate, ["attempts"])
    if candidate.state is State.DROPPED:
        return False
    if candidate.state is not state:
        raise ValueError(f"candidate {candidate.number} is {candidate.state}, not {state}")
    return True


def next_value(session: Session, column: InstrumentedAttribute[Any], study_id: int, purpose: Purpose) -> int:
    """One more than the largest value of a column within a study and purpose; 0 for the first.

    The study is locked until the transaction ends, so that no two get the same.
    """
    session.execute(select(Study.id).where(Study.id == study_id).with_for_update(key_share=True))
    rows = select(func.max(column)).where(Candidate.study_id == study_id, Candidate.purpose == purpose)
    largest = session.scalar(rows)
    return 0 if largest is None else int(largest) + 1


def end_attempt(candidate: Candidate, outcome: Outcome, reason: str | None = None) -> None:
    """Ends the running attempt."""
    attempt = candidate.attempts[-1]
    attempt.outcome, attempt.reason, attempt.finished_at = outcome, reason, now()


def end(session: Session, candidate: Candidate, state: State) -> None:
    """Ends a candidate."""
    candidate.ended_order = next_value(session, Candidate.ended_order, candidate.study_id, candidate.purpose)
    candidate.state, candidate.finished_at = state, now()
