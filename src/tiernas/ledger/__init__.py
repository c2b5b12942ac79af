"""The ledger: every study, candidate, attempt, result and reason."""

from tiernas.ledger.known import Known
from tiernas.ledger.ledger import MAX_ATTEMPTS, Ledger
from tiernas.ledger.models import Attempt, Candidate, Outcome, Purpose, State, Study

__all__ = ["MAX_ATTEMPTS", "Attempt", "Candidate", "Known", "Ledger", "Outcome", "Purpose", "State", "Study"]
