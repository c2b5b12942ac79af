"""The optimizers that are compared, by their names in results and plots; a new one is one line."""

from __future__ import annotations

from collections.abc import Callable

import tiernas.search
from tiernas.replay import Evaluator
from tiernas.search import Optimizer


def _make(name: str, **options: object) -> Callable[[Evaluator, int], Optimizer]:
    """Returns a function that builds a class of `tiernas.search` for a task and a seed; imports it on first call."""

    def build(evaluator: Evaluator, seed: int) -> Optimizer:
        optimizer: Optimizer = getattr(tiernas.search, name)(
            evaluator.levels,
            categorical=evaluator.categorical,
            feasible=evaluator.feasible,
            seed=seed,
            **options,
        )
        return optimizer

    return build


# Evolution with 30 and 10 is the best of five settings tried on anb28-90.74us with 8 workers: regret 0.82 at 300 (8
# seeds), against 1.54 with its defaults of 10 and 3; on nasbench201 0.06 at 200 (12 seeds), against 0.26.
OPTIMIZERS: dict[str, Callable[[Evaluator, int], Optimizer]] = {
    "lamcts": _make("LaMctsOptimizer"),
    "lamcts-without-partition": _make("LaMctsOptimizer", leaf_size=None),
    "evolution": _make("RegularizedEvolution", population_size=30, sample_size=10),
    "random": _make("RandomSearch"),
    "sobol": _make("SobolSearch"),
    "tpe": _make("TpeOptimizer"),
    "trust-region": _make("TrustRegionOptimizer"),
    "thompson": _make("ThompsonOptimizer"),
}
