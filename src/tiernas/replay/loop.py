"""The loop of a study without its ledger: for thousands of evaluations and many seeds."""

import time
from dataclasses import dataclass

import numpy as np

from tiernas.replay.trials import Trials
from tiernas.replay.workers import SimulatedWorkers
from tiernas.search import Optimizer
from tiernas.search.lattice import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """Result of a replay of `n` training runs; fewer than wanted if no feasible row was left.

    Attributes:
        rows: `n x d` rows in the order in which they were proposed.
        values: `n` observed values, NaN for failures, in the same order.
        ended: `n` positions in `rows`, in the order in which the training runs ended.
        ended_s: `n` simulated times at which they ended.
        proposal_cpu_s: `n` CPU times of the proposals, each including the telling of what had ended before it. On one
            thread this is the elapsed time on a quiet core, and is not changed by a busy one.
    """

    rows: IntArray
    values: FloatArray
    ended: IntArray
    ended_s: FloatArray
    proposal_cpu_s: FloatArray


def replay(optimizer: Optimizer, trials: Trials, *, workers: int, evaluations: int) -> Replay:
    """Replays a search with asynchronous workers: whenever one is free, one row is asked for.

    Results are told one by one, in the order in which they ended. The proposals are those of `replay_study` with the
    same arguments.

    Args:
        optimizer: The optimizer to test; usually a new one.
        trials: Trains the rows.
        workers: Number of rows that are trained at the same time.
        evaluations: Number of training runs.
    """
    clock = SimulatedWorkers(workers)
    rows: list[IntArray] = []
    values: list[float] = []
    ended: list[int] = []
    ended_s: list[float] = []
    proposal_cpu_s: list[float] = []
    telling_cpu_s = 0.0
    exhausted = False
    while True:
        while clock.free and len(rows) < evaluations and not exhausted:
            began = time.process_time()
            asked = optimizer.ask(1)
            if exhausted := len(asked) == 0:
                break
            proposal_cpu_s.append(telling_cpu_s + time.process_time() - began)
            telling_cpu_s = 0.0
            trial = trials.train(asked[0])
            clock.start(len(rows), trial.duration_s)
            rows.append(asked[0])
            values.append(trial.value)
        last = clock.next_end()
        if last is None:
            break
        ended.append(last)
        ended_s.append(clock.now_s)
        began = time.process_time()
        optimizer.tell(rows[last][None], [values[last]])
        telling_cpu_s += time.process_time() - began
    return Replay(
        np.array(rows, dtype=np.int64).reshape(len(rows), len(trials.evaluator.levels)),
        np.array(values),
        np.array(ended, dtype=np.int64),
        np.array(ended_s),
        np.array(proposal_cpu_s),
    )
