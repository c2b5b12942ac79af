"""Bayesian optimization guided by a learned partition of the search space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack

import numpy as np

from tiernas.search.candidates import CLIMBERS, climb, gather_candidates
from tiernas.search.compression import FEW, compress
from tiernas.search.lattice import FloatArray, IntArray
from tiernas.search.learned import MANY_PENDING, Learned, Learner
from tiernas.search.optimizer import Optimizer, Problem, check_initial
from tiernas.search.partition import Region
from tiernas.search.pool import LazyPool
from tiernas.search.selection import select

_MARGIN = 0.2
_NOISE_MARGIN = 2.0
"""Half of the proposals look for any improvement. The other half look for an improvement by this many standard
deviations of the observations or, once it is known, of their noise, whichever is more: these explore, and rescue a
search that is on the way to a local optimum. With noise, nearly everything near the best looks like an improvement."""


class LaMctsOptimizer(Optimizer):
    """LA-MCTS with expected improvement under a Gaussian process.

    A proposal is made in four steps:

    1. A tree of regions is learned from the observations: every node with more than `leaf_size` rows is split by an
       SVM that separates its better half from the worse (`partition.py`).
    2. The tree is descended from the root to a leaf, each time to the child with the higher
       `mean + 2 c sqrt(2 ln(n_p) / n)`; `c` is `exploration` times the range of the observations, and pending rows
       count as visits (`selection.py`).
    3. Candidates are mutations of the best rows overall and of the best rows of the leaf, and rows from anywhere
       (`candidates.py`). So the tree adds candidates but removes none: where it is wrong it costs little.
    4. A Gaussian process, with main effects if the observations support them, treats its predictions of pending rows
       as observed and rates the candidates by expected improvement, over the best or over somewhat more. The proposal
       is found by climbing from the most promising candidates (`surrogate.py`, `acquisition.py`). From observations
       far below the others the process learns that they are low, not how low (`compression.py`). Of a long history it
       holds the best rows and those around the leaf.

    The first rows are random.

    L. Wang, R. Fonseca, Y. Tian: Learning search space partition for black-box optimization using Monte Carlo
    tree search. NeurIPS 2020, arXiv 2007.00708. docs/search.md shows what each part contributes.

    Args:
        n_initial: Proposals are random until this many rows with a value have been told.
        leaf_size: The largest number of observed rows in a region that is not split; None disables the partition. With
            20 the start was worse on a test function and no better on networks (docs/search.md).
        exploration: The exploration constant as a fraction of the range of all observations.

    The other arguments are those of `Optimizer`.
    """

    def __init__(
        self,
        levels: Sequence[int],
        *,
        n_initial: int = 10,
        leaf_size: int | None = 50,
        exploration: float = 0.1,
        **problem: Unpack[Problem],
    ) -> None:
        super().__init__(levels, **problem)
        if leaf_size is not None and leaf_size < 2:
            raise ValueError(f"leaf_size must be 2 or more, got {leaf_size}")
        if exploration < 0:
            raise ValueError(f"exploration must be 0 or more, got {exploration}")
        self._n_initial = check_initial(n_initial)
        self._exploration = exploration
        self._learner = Learner(
            self._history, self._lattice, self._supply, leaf_size, self._seed, compress, effects=True
        )
        self._pools: tuple[Learned, dict[Region, LazyPool]] | None = None

    def _propose(self, rng: np.random.Generator) -> IntArray | None:
        if len(self._history.observed[1]) < self._n_initial:
            return self._supply.draw_one(rng)
        learned, awaited = self._learner.learn()
        region = select(learned.tree, awaited.Z, self._exploration * float(np.ptp(learned.y)))
        surrogate = learned.surrogate(region)
        beliefs = surrogate.believe(awaited.Z, awaited.feasible)
        margin = float(rng.integers(2)) * self._margin(len(learned.y), surrogate.noise)
        rows, promise = self._pool(learned, region).most_promising(CLIMBERS, beliefs, self._supply.is_new, margin)
        if not len(rows):
            return self._supply.draw_one(rng)

        def rate(rows: IntArray, floor: float) -> FloatArray:
            at = surrogate.project(self._learner.encode(rows))
            promise = surrogate.promise(at, margin)
            hopeful = promise > floor
            if hopeful.any():
                promise[hopeful] = beliefs.promise(at.part(hopeful), margin)
            return promise

        hurry = len(awaited.Z) >= MANY_PENDING  # beliefs about all of them are what makes a climb expensive
        return climb(rows, promise, rate, self._lattice, self._supply, rng, hurry=hurry)

    @staticmethod
    def _margin(observations: int, noise: float) -> float:
        """The standardized improvement that half of the proposals look for; `noise` is the fitted variance."""
        return max(_MARGIN, _NOISE_MARGIN * math.sqrt(noise) if observations > FEW else 0.0)

    def _pool(self, learned: Learned, region: Region) -> LazyPool:
        """The candidates of a region, shared by all proposals made from the same state of knowledge."""
        if self._pools is None or self._pools[0] is not learned:
            self._pools = learned, {}
        pools = self._pools[1]
        if region not in pools:
            rng = np.random.default_rng([self._seed, len(learned.y), len(region.members)])
            rows = gather_candidates(learned.parents(region), self._lattice, self._supply, rng)
            pools[region] = LazyPool(rows, learned.surrogate(region), self._learner.encode(rows))
        return pools[region]
