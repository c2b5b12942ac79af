"""What is derived from the observations: hyperparameters, tree of regions, surrogates, candidates."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tiernas.search.candidates import explore
from tiernas.search.encoding import Encoding
from tiernas.search.history import History
from tiernas.search.kernel import Hyperparameters
from tiernas.search.lattice import BoolArray, FloatArray, IntArray, Lattice
from tiernas.search.partition import Region
from tiernas.search.representatives import best_and_near, half_best
from tiernas.search.supply import Supply
from tiernas.search.surrogate import Surrogate, fit_hyperparameters

MODEL_ROWS = 320
_FIT_ROWS = 256
"""The largest number of rows that a surrogate holds and that hyperparameters are fitted to. The cost grows with its
cube, so this bounds the cost of a proposal however long the history is."""

_GROWTH = 1.1
"""Hyperparameters and tree are learned anew whenever the number of observations has grown by this factor: they change
slowly, and learning them costs more than everything else."""

MANY_PENDING = 64
"""From this many pending rows on, hundreds of workers would wait for each other's proposals, so less is done for each.
A surrogate and its candidates cost as much as some proposals, and one more result says little then: results are
processed in batches of two, four, ... once this many rows, twice, four times, ... are pending."""

_FEWEST_STEPS = 8
"""Results are processed one by one until there are this many times the size of a batch."""

_PARENTS = 20
"""Candidates are mutations of tens of the best rows: those of the single best would be too similar."""

_CENTRE = 10
"""This many of a region's best rows define where in it a surrogate should be exact."""


@dataclass(frozen=True, eq=False)
class Slow:
    """What is learned only now and then.

    Attributes:
        y: The observations it was learned from, as told: the first ones.
        hyperparameters: Those of every surrogate.
        tree: The regions.
        summits: `s x d` rows where climbs from many rows ended, anywhere in the space.
    """

    y: FloatArray
    hyperparameters: Hyperparameters
    tree: Region
    summits: IntArray


@dataclass(frozen=True, eq=False)
class Awaited:
    """Rows whose results are unknown, or known but not yet learned from.

    Attributes:
        Z: `p x f` features of the rows.
        feasible: A `p` mask of those that count for the best.
    """

    Z: FloatArray
    feasible: BoolArray


class Learned:
    """What is known at one state of the history; its parts are computed when first needed.

    Args:
        X: `n x d` observed rows.
        y: `n` observations as the surrogate sees them.
        Z: `n x f` features of the rows.
        feasible: An `n` mask of the rows that count for the best.
        slow: What was learned from the first of these rows.
    """

    def __init__(self, X: IntArray, y: FloatArray, Z: FloatArray, feasible: BoolArray, slow: Slow) -> None:
        self.X, self.y, self.Z = X, y, Z
        self.tree = slow.tree
        self._summits = slow.summits
        self._hyperparameters = slow.hyperparameters
        self._feasible = feasible
        self._surrogates: dict[Region, Surrogate] = {}

    @functools.cached_property
    def _order(self) -> IntArray:
        """All rows, the best first."""
        return np.argsort(-self.y, kind="stable")

    def parents(self, region: Region) -> IntArray:
        """Rows worth mutating: summits, the best overall, the best of a region; only feasible ones if there are any."""
        feasible = self._order[self._feasible[self._order]]
        order = feasible if len(feasible) else self._order
        within = order[np.isin(order, region.members)]
        return np.concatenate([self.X[np.union1d(order[:_PARENTS], within[:_PARENTS])], self._summits])

    def surrogate(self, region: Region) -> Surrogate:
        """The surrogate: of all rows while they are few, else of the best ones and those around a region."""
        key = self.tree if len(self.X) <= MODEL_ROWS else region
        if key not in self._surrogates:
            rows = self._rows(region)
            feasible = self._feasible[rows]
            self._surrogates[key] = Surrogate(self.Z[rows], self.y[rows], self._hyperparameters, feasible)
        return self._surrogates[key]

    def _rows(self, region: Region) -> IntArray:
        if len(self.X) <= MODEL_ROWS:
            return np.arange(len(self.X), dtype=np.int64)
        inside = self._order[np.isin(self._order, region.members)]
        return best_and_near(self.Z, self._order, self.Z[inside[:_CENTRE]].mean(axis=0), MODEL_ROWS)


class Learner:
    """Follows a history and keeps what was learned from it.

    The result depends on the told and pending rows alone: a new learner finds what one finds that followed them from
    the start.

    Args:
        history: The history.
        lattice: The lattice.
        supply: The source of rows from anywhere.
        leaf_size: The largest number of observed rows in a region that is not split; None disables the partition.
        seed: Seed of everything random.
        see: How observations are transformed: maps `n` values to `n` in the same order; the identity by default.
        effects: Whether surrogates have main effects if the observations support them.
    """

    def __init__(
        self,
        history: History,
        lattice: Lattice,
        supply: Supply,
        leaf_size: int | None,
        seed: int,
        see: Callable[[FloatArray], FloatArray] = np.asarray,
        *,
        effects: bool = False,
    ) -> None:
        self._history = history
        self._lattice = lattice
        self._supply = supply
        self._seed = seed
        self._leaf_size = leaf_size
        self._see = see
        self._effects = effects
        self._slow: Slow | None = None
        self._learned: Learned | None = None
        self._X, self._y = history.observed
        self.encode = Encoding(lattice)

    def learn(self) -> tuple[Learned, Awaited]:
        """What is known now; at least two rows must have been observed.

        Returns:
            What was learned, and the rows whose results it does not include: with many rows pending the last observed
            ones, then the pending ones.
        """
        pending = self._history.pending
        X, y = self._history.observed
        n = last_result(len(y), len(pending))
        if self._learned is None or not (np.array_equal(self._X, X[:n]) and np.array_equal(self._y, y[:n])):
            self._X, self._y = X[:n], y[:n]
            Z = self.encode(self._X)
            feasible = self._supply.known_feasible(self._X)
            slow = self._learn_slowly(self._X, Z, self._y, feasible)
            self._learned = Learned(self._X, self._see(self._y), Z, feasible, slow)
        rows = np.concatenate([X[n:], pending])
        return self._learned, Awaited(self.encode(rows), self._supply.known_feasible(rows))

    def _learn_slowly(self, X: IntArray, Z: FloatArray, told: FloatArray, feasible: BoolArray) -> Slow:
        n = last_learning(len(told))
        if self._slow is None or not np.array_equal(self._slow.y, told[:n]):
            y = self._see(told[:n])
            rows = half_best(y, _FIT_ROWS)
            hyperparameters = fit_hyperparameters(Z[rows], y[rows], effects=self._effects)
            surrogate = Surrogate(Z[rows], y[rows], hyperparameters, feasible[rows])
            best = np.argsort(-y, kind="stable")
            summits = explore(
                X[best[feasible[best]]][:_PARENTS],
                lambda rows: surrogate.promise(surrogate.project(self.encode(rows))),
                self._lattice,
                self._supply,
                np.random.default_rng([self._seed, n]),
            )
            self._slow = Slow(told[:n], hyperparameters, Region(Z[:n], y, self._leaf_size), summits)
        return self._slow


def last_result(n: int, pending: int) -> int:
    """How many of `n` observations are learned from while this many rows are pending.

    All with fewer than 64 pending rows; beyond that a multiple of 2, from 128 on of 4, from 256 on of 8 ...
    """
    step: int = 1 << (pending // MANY_PENDING).bit_length()
    return n if n < _FEWEST_STEPS * step else n - n % step


def last_learning(n: int) -> int:
    """How many of `n >= 2` observations the last slow learning used: 2, 3, 4 ... 11, 13, 15, 17, 19, 21, 24 ..."""
    last = 2
    while (following := math.ceil(last * _GROWTH)) <= n:
        last = following
    return last
