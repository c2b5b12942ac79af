"""The protocol of all optimizers."""

import abc
from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from tiernas.errors import UsageError
from tiernas.search.blas import on_one_thread
from tiernas.search.history import History
from tiernas.search.lattice import BoolArray, FloatArray, IntArray, Lattice
from tiernas.search.supply import Supply

_GREATEST = 1e100
"""The largest magnitude of an observation: sums and differences of larger ones may overflow."""


class Problem(TypedDict, total=False):
    """The arguments of every optimizer besides `levels`; `Optimizer` says what they mean."""

    categorical: Sequence[bool] | None
    feasible: Callable[[IntArray], BoolArray] | None
    pool: IntArray | None
    canonical: Callable[[IntArray], IntArray] | None
    seed: int


def check_initial(n_initial: int) -> int:
    """Checks the number of random rows that a model begins with.

    Raises:
        ValueError: It is less than 2.
    """
    if n_initial < 2:
        raise ValueError(f"n_initial must be 2 or more, got {n_initial}: one row says nothing about the others")
    return n_initial


class Optimizer(abc.ABC):
    """Proposes rows of an integer lattice and learns from the values observed for them; larger is better.

    A study calls `ask` whenever a worker is free and `tell` whenever a result arrives, in any order; rows asked for
    but not yet told are pending. A proposal is never infeasible, pending, told, or equal to an earlier one.

    A proposal is a pure function of the constructor's arguments and the told and pending rows, each in their order,
    whatever number of threads BLAS may use. So `ask(8)` equals eight calls of `ask(1)`, and an optimizer that is
    rebuilt, told the whole history and given the pending rows by `add_pending`, proposes what the uninterrupted one
    would have proposed.

    Args:
        levels: Number of values of each of the `d` dimensions; dimension `i` holds `0 ... levels[i] - 1`.
        categorical: Which dimensions have no order among their values; none by default.
        feasible: Maps `n x d` rows to an `n` bool mask; called often, so it should be vectorized.
        pool: `p x d` feasible rows sampled beforehand, which are drawn first.
        canonical: Maps `n x d` rows to representatives, the same one for all rows that mean the same network (a
            stage without layers has a kernel size that does not matter). Must be idempotent. Proposals are
            representatives.
        seed: A non-negative integer.
    """

    def __init__(
        self,
        levels: Sequence[int],
        *,
        categorical: Sequence[bool] | None = None,
        feasible: Callable[[IntArray], BoolArray] | None = None,
        pool: IntArray | None = None,
        canonical: Callable[[IntArray], IntArray] | None = None,
        seed: int = 0,
    ) -> None:
        if seed < 0:
            raise ValueError(f"seed must be 0 or more, got {seed}")
        self._lattice = Lattice(levels, categorical=categorical, feasible=feasible, canonical=canonical)
        self._history = History(self._lattice.dim)
        rows = None if pool is None else self._lattice.check(pool, "pool")
        self._supply = Supply(self._lattice, self._history, rows)
        self._seed = seed

    @abc.abstractmethod
    def _propose(self, rng: np.random.Generator) -> IntArray | None:
        """Returns one new feasible row of shape `(d,)`, or None if none is left or found.

        Called once for each row asked for. It must depend on nothing but the constructor's arguments, `self._history`
        and `rng`, which is seeded anew for each proposal; what it keeps between calls must be recomputable from those.
        """

    def ask(self, n: int = 1) -> IntArray:
        """Proposes up to `n` rows, which are pending from now on.

        Args:
            n: The number of rows wanted.

        Returns:
            An `m x d` integer array with `m <= n`. There are fewer rows than wanted, or none, only if no other
            feasible row is left, or a bounded effort finds none in a lattice too large to list.
        """
        if n < 0:
            raise ValueError(f"n must be 0 or more, got {n}")
        with on_one_thread():
            return self._ask(n)

    def _ask(self, n: int) -> IntArray:
        rows: list[IntArray] = []
        while len(rows) < n:
            row = self._propose(self._generator())
            if row is None:
                break
            self._require_new(row)
            self.add_pending([row])
            rows.append(row)
        return np.array(rows, dtype=np.int64).reshape(len(rows), self._lattice.dim)

    def _require_new(self, row: IntArray) -> None:
        """Refuses proposals that `_propose` must not make.

        Raises:
            UsageError: The row is not in the lattice, or is infeasible, told or pending.
        """
        what = f"optimizer {type(self).__name__}"
        try:
            admitted = self._supply.admit(self._lattice.check([row], "its proposals"))
        except ValueError as error:
            raise UsageError(f"{what}: {error}") from error
        if len(admitted) == 0:
            raise UsageError(f"{what}: proposed {np.asarray(row).tolist()}, which is infeasible, told or pending")

    def tell(self, X: ArrayLike, y: ArrayLike) -> None:
        """Learns observations. Called once per result, or once with the history of earlier studies.

        Rows that were never asked for are accepted, including infeasible ones. A row told more than once counts with
        the mean of its observations. Either all rows are recorded or, if one is wrong, none.

        Args:
            X: `n x d` integer array.
            y: `n` values to be maximized, in any unit in which they are between -1e100 and 1e100; NaN for a failed
                evaluation, which is not modeled and never proposed again.

        Raises:
            ValueError: If shapes do not match, a row is outside the lattice, or a value is infinite or too large.
        """
        rows = self._lattice.check(X)
        values = np.asarray(y, dtype=np.float64)
        if values.shape != (len(rows),):
            raise ValueError(f"y must hold one value per row of X: shape ({len(rows)},), got {values.shape}")
        for i in np.flatnonzero(np.abs(values) > _GREATEST)[:1]:
            raise ValueError(
                f"y[{i}] is {values[i]}: use NaN for a failed evaluation, otherwise a number between "
                f"-{_GREATEST:g} and {_GREATEST:g}; the unit makes no difference to the search"
            )
        self._history.tell(rows, values)
        self._supply.mark_seen(rows)

    def add_pending(self, X: ArrayLike) -> None:
        """Marks rows as pending. Called when a study is resumed, with the rows an earlier process asked for.

        Args:
            X: `n x d` integer array; rows that are already told or pending do not change.
        """
        rows = self._lattice.check(X)
        self._history.add_pending(rows)
        self._supply.mark_seen(rows)

    @property
    def pending(self) -> IntArray:
        """The `m x d` rows asked for but not yet told, in that order."""
        return self._history.pending

    @property
    def told(self) -> tuple[IntArray, FloatArray]:
        """The `n x d` distinct told rows, in order, and the `n` means of their values; NaN if all failed."""
        return self._history.told

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([self._seed, len(self._history)]))
