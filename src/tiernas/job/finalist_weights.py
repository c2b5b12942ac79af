"""The trained network of a finalist, and what is done where its weights are damaged or gone."""

from __future__ import annotations

from tiernas.errors import UsageError
from tiernas.executors.mirror import local_copy
from tiernas.ledger import Candidate, Ledger, Study
from tiernas.networks import Network
from tiernas.study import Trainings
from tiernas.training import DamagedWeightsError, load_trained


def finalist_network(ledger: Ledger, study: Study, finalist: Candidate, trainings: Trainings) -> Network:
    """The network of a finalist that is done.

    Raises:
        UsageError: Its weights are damaged or gone. It is pending again: whoever continues the search trains it anew.
    """
    try:
        with local_copy(trainings.place(study, finalist)) as folder:
            return load_trained(folder)
    except DamagedWeightsError as error:
        ledger.retrain(finalist)
        raise UsageError(
            f"tier {study.name} ms, finalist {finalist.number}: {error}. Start the same command again: it trains it"
        ) from error
