"""The loop of a real study, with its ledger, on known results."""

from collections.abc import Sequence
from pathlib import Path

from tiernas.ledger import Candidate, Ledger, Purpose
from tiernas.replay.executor import SimulatedExecutor
from tiernas.replay.space import LatticeSpace
from tiernas.replay.trials import Trials
from tiernas.search import Optimizer
from tiernas.study import Proposals, Screen, Trainings, train_candidates


def replay_study(
    optimizer: Optimizer,
    trials: Trials,
    ledger: Ledger,
    *,
    workers: int,
    evaluations: int,
    pending: int | None = None,
    screen: Screen | None = None,
) -> Sequence[Candidate]:
    """Replays a study: proposals, state machine and ledger are those of `tiernas search`, only training is replaced.

    Called again with a new optimizer and the same ledger, it continues.

    Args:
        optimizer: The optimizer to test; a new one.
        trials: Trains the rows.
        ledger: Where the study is recorded; its estimated latencies are the simulated durations without jitter.
        workers: Number of rows that are trained at the same time.
        evaluations: Number of training runs.
        pending: As for `Proposals`: None for the asynchronous order.
        screen: Ends poor training runs early, for a `StagedEvaluator` with values from 0 to 1; None to complete all.

    Returns:
        The candidates in the order in which they were proposed; their vectors are rows of levels.
    """
    evaluator = trials.evaluator
    space = LatticeSpace(evaluator.levels, evaluator.categorical)
    with SimulatedExecutor(space, trials, workers) as executor:
        trainings = Trainings(
            ledger=ledger,
            executor=executor,
            space=space,
            data={},
            recipes={purpose: {} for purpose in Purpose},
            seed=0,
            output=Path(),
            stop=lambda: False,
            watch=lambda *_: None,
            screen=screen,
            checkpoints="memory://replay",
        )
        ledger.reclaim("an earlier replay was interrupted")
        study = ledger.open_study("replay", {"seed": trials.seed})
        proposals = Proposals(ledger, study, space, optimizer, evaluator.duration_s, pending)
        return train_candidates(trainings, study, Purpose.SEARCH, proposals.next, evaluations)
