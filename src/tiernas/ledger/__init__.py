"""The ledger: every study, candidate, attempt, result and reason; and the user's orders to a running server."""

from tiernas.ledger.known import Known
from tiernas.ledger.lease import Lease, LeaseLostError, Server, Serving
from tiernas.ledger.ledger import Ledger
from tiernas.ledger.location import Location, is_meant_as_url
from tiernas.ledger.models import BASELINES, Attempt, Candidate, Outcome, Purpose, State, Study
from tiernas.ledger.orders import Orders
from tiernas.ledger.summary import Failure, Running
from tiernas.ledger.trained import MAX_ATTEMPTS

__all__ = [
    "BASELINES",
    "MAX_ATTEMPTS",
    "Attempt",
    "Candidate",
    "Failure",
    "Known",
    "Lease",
    "LeaseLostError",
    "Ledger",
    "Location",
    "Orders",
    "Outcome",
    "Purpose",
    "Running",
    "Server",
    "Serving",
    "State",
    "Study",
    "is_meant_as_url",
]
