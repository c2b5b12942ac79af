"""The optimizer `annealing`: good results have children, and the longer the search, the better they must be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Unpack

import numpy as np
from pydantic import Field

from tiernas.search import Optimizer
from tiernas.search.lattice import IntArray
from tiernas.search.mutation import mutate
from tiernas.search.optimizer import Problem

CHILDREN = 64
MOST_CHANGES = 8
"""A parent is changed in one dimension; if none of this many children is feasible and new, in two, and so on."""

COLDEST = 1e-3


class Annealing(Optimizer):
    """Simulated annealing (Kirkpatrick et al., Science 220, 1983) that forgets no result.

    The parent of a proposal is drawn from all results with the odds `exp(y / (T s))`, where `s` is the standard
    deviation of the results and the temperature `T` falls with each of them: at first nearly every result has children,
    in the end only the best. So a proposal depends only on the results, in whatever order workers return them.

    Args:
        levels: See `Optimizer`, as for all other arguments.
        n_initial: The number of random rows at the beginning.
        cooling: The factor on the temperature for every further result.
    """

    def __init__(
        self,
        levels: Sequence[int],
        *,
        n_initial: Annotated[int, Field(ge=1)] = 8,
        cooling: Annotated[float, Field(gt=0, le=1)] = 0.95,
        **problem: Unpack[Problem],
    ) -> None:
        super().__init__(levels, **problem)
        self._n_initial = n_initial
        self._cooling = cooling

    def _propose(self, rng: np.random.Generator) -> IntArray | None:
        X, y = self._history.observed
        feasible = self._supply.known_feasible(X)
        X, y = X[feasible], y[feasible]
        if len(X) >= self._n_initial:
            temperature = max(self._cooling ** (len(X) - self._n_initial), COLDEST)
            odds = np.exp((y - y.max()) / (temperature * (y.std() or 1.0)))
            child = self._child(X[rng.choice(len(X), p=odds / odds.sum())], rng)
            if child is not None:
                return child
        return self._supply.draw_one(rng)

    def _child(self, parent: IntArray, rng: np.random.Generator) -> IntArray | None:
        parents = np.tile(parent, (CHILDREN, 1))
        for changes in range(1, MOST_CHANGES + 1):
            children = self._supply.admit(mutate(parents, np.full(CHILDREN, changes), self._lattice, rng))
            if len(children):
                child: IntArray = children[0]
                return child
        return None
