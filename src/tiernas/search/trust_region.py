"""Bayesian optimization in a trust region, the usual approach to many dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np

from tiernas.search.encoding import Encoding
from tiernas.search.kernel import Hyperparameters
from tiernas.search.lattice import FloatArray, IntArray, Lattice
from tiernas.search.learned import MODEL_ROWS, last_learning
from tiernas.search.optimizer import Optimizer, Problem, check_initial
from tiernas.search.surrogate import Surrogate, fit_hyperparameters

INITIAL_LENGTH = 0.8
MIN_LENGTH = 0.5**7
MAX_LENGTH = 1.6
SUCCESSES = 3
"""Settings of Eriksson et al. 2019: initial, smallest and largest side of the region, where the space has side 1, and
the number of successes in a row that double it. As many failures in a row as there are dimensions halve it."""

_PERTURBED = 20
"""On average this many coordinates of the center are perturbed, as in the paper: perturbing all of too many dimensions
leaves nothing of the center."""

_DRAWN = 2048
_CANDIDATES = 1024
"""The paper uses 100 for each dimension, at most 5,000. The cost of a joint draw is cubic in their number; 1,024
admissible ones take some tens of milliseconds."""


@dataclass(slots=True)
class RegionProgress:
    """The state of the trust region according to the told values.

    Attributes:
        start: Index of the first observation after the last restart.
        length: Side of the region, where the space has side 1.
        successes: Observations in a row that were better than all before them since the restart.
        failures: Observations in a row that were not.
    """

    start: int = 0
    length: float = INITIAL_LENGTH
    successes: int = 0
    failures: int = 0

    @classmethod
    def of(cls, y: FloatArray, n_initial: int, patience: int) -> RegionProgress:
        """Replays observations.

        Args:
            y: `n` observations in the order told.
            n_initial: The number of rows a restart begins with; these count neither as success nor as failure.
            patience: The number of failures in a row that halve the region.
        """
        now = cls()
        best = -np.inf
        for i, value in enumerate(y.tolist()):
            if i - now.start >= n_initial:
                now._count(value > best, patience)
            best = max(best, value)
            if now.length < MIN_LENGTH:
                now = cls(start=i + 1)
                best = -np.inf
        return now

    def _count(self, success: bool, patience: int) -> None:
        self.successes = self.successes + 1 if success else 0
        self.failures = 0 if success else self.failures + 1
        if self.successes == SUCCESSES:
            self.length = min(2.0 * self.length, MAX_LENGTH)
            self.successes = 0
        elif self.failures == patience:
            self.length /= 2.0
            self.failures = 0


class TrustRegionOptimizer(Optimizer):
    """TuRBO with one trust region, on a lattice.

    A Gaussian process learns from what was told since the last restart, and one draw of a function from it decides
    among candidates around the row with the best posterior mean. In ordered dimensions these lie in a box of side
    `L l_i / (l_1 ... l_d)^(1/d)` with length scales `l_i`, which always contains the neighboring levels; of the
    categorical dimensions at most a fraction `L` changes, but at least one. `L` doubles after successes and halves
    after failures; when it falls below 2^-7 the search restarts at random. If every row of the region is known, the
    region is doubled for that proposal.

    Successes and failures are counted over feasible results in the order told. Results of rows that were asked for
    before a restart and told after it count for the new start, as the history does not record when a row was asked for.

    D. Eriksson, M. Pearce, J. R. Gardner, R. Turner, M. Poloczek: Scalable global optimization via local Bayesian
    optimization. NeurIPS 2019, arXiv 1910.01739. Categorical dimensions after X. Wan et al.: Think global and act
    local: Bayesian optimisation over high-dimensional categorical and mixed search spaces. ICML 2021, arXiv 2102.07188.

    Args:
        n_initial: Proposals are random until this many rows with a value have been told since a start.

    The other arguments are those of `Optimizer`.
    """

    def __init__(self, levels: Sequence[int], *, n_initial: int = 10, **problem: Unpack[Problem]) -> None:
        super().__init__(levels, **problem)
        self._n_initial = check_initial(n_initial)
        self._encode = Encoding(self._lattice)
        self._fitted: tuple[FloatArray, FloatArray, Hyperparameters] | None = None
        self._model: tuple[int, RegionProgress, _Model | None] | None = None

    def _propose(self, rng: np.random.Generator) -> IntArray | None:
        progress, model = self._learn()
        if model is None:
            return self._supply.draw_one(rng)
        length = progress.length
        while True:
            drawn = perturb(model.centre, length, model.length_scales, self._lattice, rng)
            rows = self._supply.admit(drawn)[:_CANDIDATES]
            if len(rows):
                proposal: IntArray = rows[np.argmax(model.surrogate.draw(self._encode(rows), rng))]
                return proposal
            if length >= MAX_LENGTH:
                return self._supply.draw_one(rng)
            length *= 2.0

    def _learn(self) -> tuple[RegionProgress, _Model | None]:
        """What is known now; no model before `n_initial` rows since the start, or if none of them is feasible."""
        if self._model is None or self._model[0] != self._history.version:
            X, y = self._history.observed
            dim = max(1, int((self._lattice.levels > 1).sum()))
            feasible = np.flatnonzero(self._supply.known_feasible(X))
            progress = RegionProgress.of(y[feasible], self._n_initial, patience=dim)
            start = int(feasible[progress.start - 1]) + 1 if progress.start else 0
            X, y = X[start:], y[start:]
            model = self._fit(X, y) if len(y) >= self._n_initial else None
            self._model = self._history.version, progress, model
        return self._model[1:]

    def _fit(self, X: IntArray, y: FloatArray) -> _Model | None:
        feasible = self._supply.known_feasible(X)
        if not feasible.any():
            return None
        Z = self._encode(X)
        hyperparameters = self._hyperparameters(Z, y)
        rows = np.sort(np.argsort(-y, kind="stable")[:MODEL_ROWS])
        surrogate = Surrogate(Z[rows], y[rows], hyperparameters)
        mean, _ = surrogate.predict(Z[feasible])
        return _Model(surrogate, X[feasible][np.argmax(mean)], hyperparameters.length_scales)

    def _hyperparameters(self, Z: FloatArray, y: FloatArray) -> Hyperparameters:
        """Fitted anew whenever the number of observations has grown by a tenth."""
        n = last_learning(len(y))
        Z, y = Z[:n][-MODEL_ROWS:], y[:n][-MODEL_ROWS:]
        if self._fitted is None or not (np.array_equal(self._fitted[0], Z) and np.array_equal(self._fitted[1], y)):
            self._fitted = Z, y, fit_hyperparameters(Z, y)
        return self._fitted[2]


@dataclass(frozen=True, slots=True)
class _Model:
    surrogate: Surrogate
    centre: IntArray
    length_scales: FloatArray


def perturb(
    centre: IntArray, length: float, length_scales: FloatArray, lattice: Lattice, rng: np.random.Generator
) -> IntArray:
    """Draws rows from a trust region.

    Args:
        centre: Row of shape `(d,)`.
        length: Side of the region, where the space has side 1.
        length_scales: Length scales of the `f` features of `Encoding`, the ordered dimensions first.
        lattice: The lattice; its feasibility rule is not applied.
        rng: The generator to draw with.

    Returns:
        `n x d` rows, not made canonical; duplicates and the center may be among them.
    """
    hot = lattice.unordered
    ordered = (lattice.levels > 1) & ~hot
    searched = int((lattice.levels > 1).sum())
    shape = (_DRAWN, lattice.dim)
    perturbed = rng.random(shape) < min(1.0, _PERTURBED / max(1, searched))

    reach = half_widths(length, length_scales[: int(ordered.sum())], lattice.levels[ordered])
    rows = np.tile(centre, (_DRAWN, 1))
    low = np.maximum(centre[ordered] - reach, 0)
    high = np.minimum(centre[ordered] + reach, lattice.levels[ordered] - 1)
    inside = rng.integers(low, high + 1, size=(_DRAWN, len(reach)))
    rows[:, ordered] = np.where(perturbed[:, ordered], inside, rows[:, ordered])

    radius = min(max(1, round(length * int(hot.sum()))), int(hot.sum()))
    changes = rng.integers(0, radius + 1, size=(_DRAWN, 1))
    rank = np.argsort(np.argsort(np.where(hot, rng.random(shape), np.inf), axis=1), axis=1)
    other = (rows + rng.integers(1, np.maximum(lattice.levels, 2), size=shape)) % lattice.levels
    drawn: IntArray = np.where(hot & perturbed & (rank < changes), other, rows)
    return drawn


def half_widths(length: float, length_scales: FloatArray, levels: IntArray) -> IntArray:
    """How many levels a region reaches to either side, at least one.

    Args:
        length: Side of the region, where the space has side 1.
        length_scales: `k` length scales; `length` refers to their geometric mean.
        levels: `k` numbers of levels.
    """
    weights = length_scales / np.exp(np.log(length_scales).mean()) if len(length_scales) else length_scales
    reach = np.minimum(0.5 * length * weights, 1.0) * (levels - 1)
    widths: IntArray = np.maximum(np.rint(reach), 1).astype(np.int64)
    return widths
