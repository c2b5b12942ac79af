"""Regularized evolution, the usual baseline of architecture search."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from tiernas.search.lattice import IntArray
from tiernas.search.mutation import mutate
from tiernas.search.optimizer import Optimizer, Problem

_CHILDREN = 64
_MAX_CHANGES = 8
"""A parent is mutated in one coordinate, as in the paper. If none of `_CHILDREN` such children is feasible and new, two
coordinates are mutated, and so on up to `_MAX_CHANGES`; after that a random row is proposed."""


class RegularizedEvolution(Optimizer):
    """Aging evolution: the best of a random sample of the most recent results is mutated.

    The population is the last `population_size` results, regardless of their values, so each new result removes the
    oldest. A proposal draws `sample_size` of them without replacement and mutates the best in one coordinate. Until the
    population is full, proposals are random. There are no generations to wait for, so results may arrive in any order.

    E. Real, A. Aggarwal, Y. Huang, Q. V. Le: Regularized evolution for image classifier architecture search.
    AAAI 2019, arXiv 1802.01548. Their 100 and 25 are meant for 20,000 training runs. For a few hundred, 30 and 20 did
    better than these, and best or equally well among eight smaller pairs, on two tables of trained networks with 8
    workers.

    Args:
        population_size: The number of most recent results in the population.
        sample_size: The number of these that compete to be the parent.

    The other arguments are those of `Optimizer`.
    """

    def __init__(
        self, levels: Sequence[int], *, population_size: int = 30, sample_size: int = 20, **problem: Unpack[Problem]
    ) -> None:
        super().__init__(levels, **problem)
        if not 1 <= sample_size <= population_size:
            raise ValueError(
                f"sample_size must lie between 1 and population_size, got {sample_size} and {population_size}"
            )
        self._population_size = population_size
        self._sample_size = sample_size

    def _propose(self, rng: np.random.Generator) -> IntArray | None:
        X, y = self._history.observed
        feasible = self._supply.known_feasible(X)
        X, y = X[feasible], y[feasible]
        if len(X) >= self._population_size:
            alive = np.arange(len(X) - self._population_size, len(X))
            sample = rng.choice(alive, size=self._sample_size, replace=False)
            child = self._child(X[sample[np.argmax(y[sample])]], rng)
            if child is not None:
                return child
        return self._supply.draw_one(rng)

    def _child(self, parent: IntArray, rng: np.random.Generator) -> IntArray | None:
        for changes in range(1, _MAX_CHANGES + 1):
            parents = np.tile(parent, (_CHILDREN, 1))
            children = self._supply.admit(
                mutate(parents, np.full(_CHILDREN, changes, dtype=np.int64), self._lattice, rng)
            )
            if len(children):
                child: IntArray = children[0]
                return child
        return None
