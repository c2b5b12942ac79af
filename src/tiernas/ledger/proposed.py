"""What the server records about candidates besides their training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Update, update
from sqlalchemy.orm.attributes import set_committed_value

from tiernas.ledger.database import Database
from tiernas.ledger.known import Known
from tiernas.ledger.models import Candidate, Purpose, State, Study, now
from tiernas.ledger.reading import read_candidates
from tiernas.ledger.transitions import next_value


class Proposed:
    """The part of `Ledger` that records which networks there are, and their measurements."""

    _database: Database

    def candidates(
        self, study: Study, purpose: Purpose = Purpose.SEARCH, *, all_attempts: bool = True
    ) -> Sequence[Candidate]:
        """The candidates of a study in the order they were proposed, with their attempts.

        Args:
            study: The study.
            purpose: Which of its candidates.
            all_attempts: Whether to read the attempts of finished candidates too, which are half of the data of a long
                study; otherwise these candidates have none.
        """
        with self._database.reading() as session:
            return read_candidates(session, study, purpose, all_attempts=all_attempts)

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
                index=next_value(session, Candidate.index, study.id, purpose),
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
        """Records, once and before the search of a tier begins, networks that were trained elsewhere.

        Args:
            study: A study without candidates.
            known: The networks; those inside the tier become finished candidates, the others its history.
            reused: Where they come from, and how many from each.
        """
        with self._database.writing() as session:
            row = session.get_one(Study, study.id)
            if row.reused is not None:
                raise ValueError(f"study {study.name} has begun")
            for purpose in (Purpose.SEARCH, Purpose.HISTORY):
                of_purpose = [k for k in known if k.inside == (purpose is Purpose.SEARCH)]
                session.add_all(
                    Candidate(
                        study_id=study.id,
                        purpose=purpose,
                        index=index,
                        vector=list(k.vector),
                        digest=k.digest,
                        estimated_latency_ms=k.estimated_latency_ms,
                        state=State.DONE,
                        accuracy=k.accuracy,
                        result=dict(k.result),
                        origin=k.origin,
                        ended_order=index,
                        finished_at=now(),
                    )
                    for index, k in enumerate(of_purpose)
                )
            row.reused = dict(reused)
        set_committed_value(study, "reused", dict(reused))

    def record_measurement(self, candidate: Candidate, measurement: Mapping[str, Any]) -> None:
        """Records the measured latency of a candidate that may become a finalist."""
        with self._database.writing() as session:
            session.execute(_row(candidate).values(measurement=dict(measurement)))

    def record_repeats(self, candidate: Candidate, repeated: Mapping[str, Any]) -> None:
        """Records the result of training a candidate with other seeds."""
        with self._database.writing() as session:
            session.execute(_row(candidate).values(repeated=dict(repeated)))
        candidate.repeated = dict(repeated)


def _row(candidate: Candidate) -> Update:
    return update(Candidate).where(Candidate.id == candidate.id).execution_options(synchronize_session=False)
