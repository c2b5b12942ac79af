"""Bayesian optimization with Thompson sampling, without a partition of the space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from tiernas.search.candidates import gather_candidates
from tiernas.search.lattice import IntArray
from tiernas.search.learned import Learner
from tiernas.search.optimizer import Optimizer, Problem, check_initial

_CANDIDATES = 1024
"""A joint draw over this many rows takes some tens of milliseconds on one thread, growing with their cube."""


class ThompsonOptimizer(Optimizer):
    """One Gaussian process on all observations, and one draw of a function from it per proposal.

    The candidates are those of `LaMctsOptimizer`; the one where the drawn function is highest is proposed. Workers that
    ask at the same time get different rows because each has its own draw: K. Kandasamy et al.: Parallelised Bayesian
    optimisation via Thompson sampling. AISTATS 2018. Of a long history the process holds the best rows and those around
    them.

    Args:
        n_initial: Proposals are random until this many rows with a value have been told.

    The other arguments are those of `Optimizer`.
    """

    def __init__(self, levels: Sequence[int], *, n_initial: int = 10, **problem: Unpack[Problem]) -> None:
        super().__init__(levels, **problem)
        self._n_initial = check_initial(n_initial)
        self._learner = Learner(self._history, self._lattice, self._supply, None, self._seed)

    def _propose(self, rng: np.random.Generator) -> IntArray | None:
        if len(self._history.observed[1]) < self._n_initial:
            return self._supply.draw_one(rng)
        learned, _ = self._learner.learn()
        rows = gather_candidates(learned.parents(learned.tree), self._lattice, self._supply, rng)
        rows = self._supply.admit(rng.permutation(rows)[:_CANDIDATES])
        if not len(rows):
            return self._supply.draw_one(rng)
        values = learned.surrogate(learned.tree).draw(self._learner.encode(rows), rng)
        proposal: IntArray = rows[np.argmax(values)]
        return proposal
