"""Bayesian optimisation guided by a learned partition of the search space."""

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
"""Half of the proposals look for any improvement, half for one of so many standard deviations of the observations or,
once it is known, of their noise, whichever is more: these go where less is known, and a search on the way to a local
optimum has others that are not. With noise, nearly all that is near the best looks like an improvement."""


class LaMctsOptimizer(Optimizer):
    """LA-MCTS with expected improvement under a Gaussian process.

    A proposal is made in four steps:

    1. A tree of regions is learned from what was observed: every node with more than `leaf_size` rows is divided by
       an SVM that separates its better half from the worse (`partition.py`).
    2. From the root, the part with the higher `mean + 2 c sqrt(2 ln(n_p) / n)` is entered, down to a leaf;
       `c` is `exploration` times the range of the observations, pending rows count as visits
       (`selection.py`).
    3. Candidates are mutations of the best rows of all and of the best rows of the leaf, and rows from anywhere
       (`candidates.py`). So the tree adds candidates and takes none away: where it is wrong it costs little.
    4. A Gaussian process, with main effects where the observations speak for them, takes its predictions of pending
       rows for observed and rates the candidates by expected improvement, over the best or over somewhat more; from
       the most promising ones it is climbed to the proposal (`surrogate.py`, `acquisition.py`). Of observations far
       below the others it learns that they are low, not how low (`compression.py`). Of a long history it holds the
       best rows and those around the leaf.

    The first rows are random.

    L. Wang, R. Fonseca, Y. Tian: Learning search space partition for black-box optimization using Monte Carlo
    tree search. NeurIPS 2020, arXiv 2007.00708. What each part is worth is told in docs/search.md.

    Args:
        n_initial: Proposals are random until so many rows with a value were told.
        leaf_size: The most observed rows a region may have without being divided; None does without a partition.
            With 20 the start was worse on a test function and nothing better on networks (docs/search.md).
        exploration: The exploration constant as a part of the range of all observations.

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

        hurry = len(awaited.Z) >= MANY_PENDING  # what is believed of all of them is the cost of a climb
        return climb(rows, promise, rate, self._lattice, self._supply, rng, hurry=hurry)

    @staticmethod
    def _margin(observations: int, noise: float) -> float:
        """What half of the proposals must improve by, standardised; `noise` is the variance fitted."""
        return max(_MARGIN, _NOISE_MARGIN * math.sqrt(noise) if observations > FEW else 0.0)

    def _pool(self, learned: Learned, region: Region) -> LazyPool:
        """The candidates of a region; all proposals made at the same state of knowledge share them."""
        if self._pools is None or self._pools[0] is not learned:
            self._pools = learned, {}
        pools = self._pools[1]
        if region not in pools:
            rng = np.random.default_rng([self._seed, len(learned.y), len(region.members)])
            rows = gather_candidates(learned.parents(region), self._lattice, self._supply, rng)
            pools[region] = LazyPool(rows, learned.surrogate(region), self._learner.encode(rows))
        return pools[region]
