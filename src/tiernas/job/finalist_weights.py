"""The trained network of a finalist, and what happens if its weights are damaged or gone."""

from __future__ import annotations

from tiernas.errors import UsageError
from tiernas.executors.mirror import local_copy
from tiernas.ledger import Candidate, Ledger, Study
from tiernas.networks import Network
from tiernas.study import Trainings
from tiernas.training import DamagedWeightsError, load_trained


def finalist_network(ledger: Ledger, study: Study, finalist: Candidate, trainings: Trainings) -> Network:
    """The network of a finished finalist.

    Raises:
        UsageError: Its weights are damaged or gone. It is pending again: resuming the search trains it again.
    """
    try:
        with local_copy(trainings.place(study, finalist)) as folder:
            return load_trained(folder)
    except DamagedWeightsError as error:
        ledger.retrain(finalist)
        raise UsageError(
            f"tier {study.name} ms, finalist {finalist.number}: {error}. Run the same command again: it trains it"
        ) from error
