"""From rows to objects that the rest of tiernas may trust."""

from __future__ import annotations

import gc
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from tiernas.errors import UsageError
from tiernas.ledger.models import Attempt, Candidate, Outcome, Purpose, State, Study

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
"""Names that stay in their parent folder, including those of tiers, such as "0.5-0.8"."""


def require_safe(study: Study, ledger: str) -> None:
    """Checks that a name, which is part of the path of checkpoints, cannot lead out of their folder.

    Raises:
        UsageError: It could.
    """
    if not isinstance(study.name, str) or _SAFE.fullmatch(study.name) is None:
        raise UsageError(
            f"ledger {ledger}: tiernas gives no study the name {study.name!r} (only letters, digits and . _ + -); it "
            "could lead out of the folder of its checkpoints. The ledger was changed by another program."
        )


def read_candidates(session: Session, study: Study, purpose: Purpose, *, all_attempts: bool) -> Sequence[Candidate]:
    """The candidates of a study in the order they were proposed, with their attempts; two queries for all of them.

    Raises:
        LookupError: One is missing, or lacks what its state requires.
    """
    of_study = Candidate.study_id == study.id, Candidate.purpose == purpose
    tries = select(Attempt).join(Candidate).where(*of_study).order_by(Attempt.candidate_id, Attempt.number)
    if not all_attempts:
        tries = tries.where(Candidate.state != State.DONE)
    with _no_collection():
        candidates = session.scalars(select(Candidate).where(*of_study).order_by(Candidate.index)).all()
        attempts: defaultdict[int, list[Attempt]] = defaultdict(list)
        for attempt in session.scalars(tries):
            attempts[attempt.candidate_id].append(attempt)
        for number, candidate in enumerate(candidates, start=1):
            set_committed_value(candidate, "attempts", attempts.get(candidate.id, []))
            if candidate.index != number - 1:
                raise LookupError(f"no {purpose} candidate {number} in tier {study.name}")
            if lacking := _lacking(candidate):
                raise LookupError(f"{purpose} candidate {number} of tier {study.name} is {candidate.state}, {lacking}")
    return candidates


def _lacking(candidate: Candidate) -> str | None:
    """What a candidate lacks that its state requires."""
    match candidate.state:
        case State.DONE if candidate.accuracy is None:
            return "without an accuracy"
        case State.PRUNED if not candidate.rungs:
            return "without a rung"
        case State.RUNNING if not (candidate.attempts and candidate.attempts[-1].outcome is Outcome.RUNNING):
            return "without a running attempt"
    return None


@contextmanager
def _no_collection() -> Iterator[None]:
    """Disables the garbage collector while objects are made that are all kept: it took half of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
