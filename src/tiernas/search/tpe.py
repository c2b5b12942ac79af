"""Optuna's tree-structured Parzen estimator, a common baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Unpack

import numpy as np

from tiernas.errors import NotInstalledError
from tiernas.search.lattice import FloatArray, IntArray, Lattice
from tiernas.search.mutation import mutate
from tiernas.search.optimizer import Optimizer, Problem, check_initial

try:
    import optuna
except ImportError as error:
    raise NotInstalledError("Optuna, which TpeOptimizer runs on,", "optuna") from error

_TRIES = 16
"""How often the sampler is asked for one row. It knows nothing of feasibility or pending rows, so its samples are
refused until one fits."""

_CHILDREN = 256
_CHANGES = np.array([1, 1, 2, 4])
"""If all tries are refused, a mutation of the best row is proposed; small mutations are more likely."""


class TpeOptimizer(Optimizer):
    """Optuna's `TPESampler` with its own settings, on rows that may be proposed.

    The sampler splits the told rows into the best few and the others, estimates the density of each, draws rows from
    the first density and takes the one with the greatest ratio. Pending rows count among the others (`constant_liar`),
    so that workers spread. If a row is infeasible or known, another one is sampled; after 16 refusals a mutation of the
    best feasible row is proposed.

    J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl: Algorithms for hyper-parameter optimization. NeurIPS 2011.
    Multivariate as in S. Falkner, A. Klein, F. Hutter: BOHB. ICML 2018, arXiv 1807.01774.

    Args:
        n_initial: Proposals are random until this many rows with a value have been told; 10 is Optuna's default.

    The other arguments are those of `Optimizer`.
    """

    def __init__(self, levels: Sequence[int], *, n_initial: int = 10, **problem: Unpack[Problem]) -> None:
        super().__init__(levels, **problem)
        self._n_initial = check_initial(n_initial)
        self._mirror = _Mirror(self._lattice)

    def _propose(self, rng: np.random.Generator) -> IntArray | None:
        X, y = self._history.observed
        if len(X) < self._n_initial or not self._mirror.distributions:
            return self._supply.draw_one(rng)
        self._mirror.follow(X, y, self._history.pending)
        for row in self._mirror.sample(int(rng.integers(2**32))):
            if len(admitted := self._supply.admit(row[None])):
                proposal: IntArray = admitted[0]
                return proposal
        return self._near_the_best(X, y, rng)

    def _near_the_best(self, X: IntArray, y: FloatArray, rng: np.random.Generator) -> IntArray | None:
        feasible = self._supply.known_feasible(X)
        best = np.argmax(np.where(feasible, y, -np.inf) if feasible.any() else y)
        parents = np.tile(X[best], (_CHILDREN, 1))
        children = self._supply.admit(mutate(parents, rng.choice(_CHANGES, size=_CHILDREN), self._lattice, rng))
        if len(children):
            child: IntArray = children[0]
            return child
        return self._supply.draw_one(rng)


class _Mirror:
    """An Optuna study with the contents of the history, in its order: observed rows, then pending ones.

    Optuna weights trials by their number, and a trial cannot be removed. So a pending row that is no longer at the
    right place is marked as failed, which the sampler ignores, and added again. If an earlier observation has changed,
    the study is rebuilt. Either way the sampler sees the same trials in the same order.

    Args:
        lattice: The lattice the rows belong to.
    """

    def __init__(self, lattice: Lattice) -> None:
        self._dim = lattice.dim
        self._searched = np.flatnonzero(lattice.levels > 1)
        self.distributions: dict[str, optuna.distributions.BaseDistribution] = {
            str(j): _distribution(int(lattice.levels[j]), bool(lattice.categorical[j])) for j in self._searched
        }
        """For each dimension that is not constant."""
        self._observed: list[tuple[bytes, float]] = []
        self._waiting: list[bytes] = []
        self._clear()

    def follow(self, X: IntArray, y: FloatArray, pending: IntArray) -> None:
        """Copies the `n x d` observed rows, their `n` values, and the `m x d` pending rows."""
        observed = [(row.tobytes(), value) for row, value in zip(X, y.tolist(), strict=True)]
        n = len(self._observed)
        if observed[:n] != self._observed:
            self._clear()
            n = 0
        waiting = [row.tobytes() for row in pending]
        if len(observed) > n or waiting[: len(self._waiting)] != self._waiting:
            self._fail_waiting()
        for row, value in zip(X[n:], y[n:].tolist(), strict=True):
            self._add(row, value)
        self._observed = observed
        for row in pending[len(self._waiting) :]:
            self._add(row, None)
        self._waiting = waiting

    def sample(self, seed: int) -> Iterator[IntArray]:
        """Samples up to `_TRIES` rows of shape `(d,)` from the same model."""
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, multivariate=True, constant_liar=True)
        for _ in range(_TRIES):
            values = sampler.sample_relative(self._study, self._asking, self.distributions)
            row = np.zeros(self._dim, dtype=np.int64)
            row[self._searched] = [values[str(j)] for j in self._searched]
            yield row

    def _clear(self) -> None:
        with _quiet():
            self._study = optuna.create_study(storage=optuna.storages.InMemoryStorage(), direction="maximize")
        self._study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING))
        self._asking = self._study.trials[0]
        self._observed, self._waiting = [], []

    def _fail_waiting(self) -> None:
        end = len(self._study.get_trials(deepcopy=False))
        for number in range(end - len(self._waiting), end):
            self._study.tell(number, state=optuna.trial.TrialState.FAIL)
        self._waiting = []

    def _add(self, row: IntArray, value: float | None) -> None:
        state = optuna.trial.TrialState.RUNNING if value is None else optuna.trial.TrialState.COMPLETE
        params: dict[str, Any] = {str(j): int(row[j]) for j in self._searched}
        self._study.add_trial(
            optuna.trial.create_trial(state=state, value=value, params=params, distributions=self.distributions)
        )


def _distribution(levels: int, categorical: bool) -> optuna.distributions.BaseDistribution:
    if categorical:
        return optuna.distributions.CategoricalDistribution(range(levels))
    return optuna.distributions.IntDistribution(0, levels - 1)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences Optuna's announcement of every new study."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
