"""Rows become objects that the rest of tiernas may trust."""

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
from tiernas.ledger.models import Attempt, Candidate, Purpose, State, Study

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
"""Names that stay in the folder which they are put below; those of tiers, such as "0.5-0.8", are among them."""


def require_safe(study: Study, ledger: str) -> None:
    """Checks that a name, which is part of the path of checkpoints, cannot lead out of their folder.

    Raises:
        UsageError: It could.
    """
    if not isinstance(study.name, str) or _SAFE.fullmatch(study.name) is None:
        raise UsageError(
            f"ledger {ledger}: the study name {study.name!r} is none that tiernas gives (letters, digits and . _ + -), "
            "and could lead out of the folder of its checkpoints. The ledger was changed by something else."
        )


def read_candidates(session: Session, study: Study, purpose: Purpose, *, all_attempts: bool) -> Sequence[Candidate]:
    """The candidates of a study in the order they were proposed, with their attempts; two queries for all of them.

    Raises:
        LookupError: A number is none.
    """
    of_study = Candidate.study_id == study.id, Candidate.purpose == purpose
    tries = select(Attempt).join(Candidate).where(*of_study).order_by(Attempt.candidate_id, Attempt.number)
    if not all_attempts:
        tries = tries.where(Candidate.state != State.DONE)
    with _no_collection():
        candidates = session.scalars(select(Candidate).where(*of_study).order_by(Candidate.number)).all()
        attempts: defaultdict[int, list[Attempt]] = defaultdict(list)
        for attempt in session.scalars(tries):
            attempts[attempt.candidate_id].append(attempt)
        for candidate in candidates:
            if not isinstance(candidate.number, int):
                raise LookupError(f"{candidate.number!r} is no number of a candidate")
            set_committed_value(candidate, "attempts", attempts.get(candidate.id, []))
    return candidates


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keeps the garbage collector from looking through objects that are all kept: half of the time went there."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
