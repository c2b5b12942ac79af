"""The steps that state changes of a candidate have in common; each within the transaction of its caller."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tiernas.ledger.models import Candidate, Outcome, Purpose, State, Study, now

_LOCKED = "locked studies"


def lock_study(session: Session, study_id: int) -> None:
    """Keeps others from changing candidates of a study until the transaction ends.

    Code that locks more than one row of a study does this first, so that no two wait for each other.
    """
    locked = session.info.setdefault(_LOCKED, set())
    if study_id not in locked:
        session.execute(select(Study.id).where(Study.id == study_id).with_for_update(key_share=True))
        locked.add(study_id)


def locked(session: Session, candidate: Candidate, state: State) -> bool:
    """Locks the row of a candidate, and updates the given object.

    Returns:
        Whether it is in this state; False if the user dropped it meanwhile.

    Raises:
        ValueError: It is in another state.
    """
    lock_study(session, candidate.study_id)
    rows = select(Candidate.state).where(Candidate.id == candidate.id).with_for_update()
    recorded = session.execute(rows).scalar_one()
    session.add(candidate)
    if candidate.state is not recorded:  # changed by the user's order
        session.refresh(candidate)
        session.refresh(candidate, ["attempts"])
    if recorded is State.DROPPED:
        return False
    if recorded is not state:
        raise ValueError(f"candidate {candidate.number} is {recorded}, not {state}")
    return True


def next_value(session: Session, column: InstrumentedAttribute[Any], study_id: int, purpose: Purpose) -> int:
    """One more than the largest value of a column within a study and purpose; 0 for the first.

    The study is locked until the transaction ends, so that no two get the same.
    """
    lock_study(session, study_id)
    rows = select(func.max(column)).where(Candidate.study_id == study_id, Candidate.purpose == purpose)
    largest = session.scalar(rows)
    return 0 if largest is None else int(largest) + 1


def end_attempt(candidate: Candidate, outcome: Outcome, reason: str | None = None) -> None:
    """Ends the running attempt.

    Raises:
        LookupError: There is none.
    """
    if not candidate.attempts:
        raise LookupError(f"candidate {candidate.number} is running, without an attempt")
    attempt = candidate.attempts[-1]
    attempt.outcome, attempt.reason, attempt.finished_at = outcome, reason, now()


def end(session: Session, candidate: Candidate, state: State) -> None:
    """Ends a candidate."""
    candidate.ended_order = next_value(session, Candidate.ended_order, candidate.study_id, candidate.purpose)
    candidate.state, candidate.finished_at = state, now()
