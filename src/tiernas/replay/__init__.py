"""Replays a search on a table of results instead of trainings: hours of hundreds of workers in seconds.

An `Evaluator` looks accuracies up, `Trials` adds what real trainings have (noise, failures, unequal durations), and two
loops ask the same optimizer in the same order: `replay` with nothing but the optimizer, for benchmarks, and
`replay_study` with the loop and the ledger of a real study, which is imported on first use.
"""

from typing import TYPE_CHECKING

from tiernas.replay.evaluator import Evaluator
from tiernas.replay.functions import Ackley, Levy
from tiernas.replay.loop import Replay, replay
from tiernas.replay.regret import best_so_far_regret, incumbent_regret
from tiernas.replay.tables import Anb28, NasBench201
from tiernas.replay.trials import Trial, Trials

if TYPE_CHECKING:
    from tiernas.replay.study import replay_study

__all__ = [
    "Ackley",
    "Anb28",
    "Evaluator",
    "Levy",
    "NasBench201",
    "Replay",
    "Trial",
    "Trials",
    "best_so_far_regret",
    "incumbent_regret",
    "replay",
    "replay_study",
]


def __getattr__(name: str) -> object:
    if name == "replay_study":
        from tiernas.replay.study import replay_study

        return replay_study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
