"""Candidates that many proposals choose from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tiernas.search.acquisition import log_expected_improvement
from tiernas.search.lattice import BoolArray, FloatArray, IntArray
from tiernas.search.surrogate import Beliefs, Projection, Surrogate

_CHUNK = 256


class Pool:
    """Rows that are rated at leisure: pending rows only lessen what a row promises.

    The variance at a row shrinks with every pending row and the best to improve on never sinks, so the expected
    improvement without pending rows is a bound. Rows are rated in the order of it, until none that is left can be
    among the best.

    Args:
        rows: `m x d` rows.
        surrogate: Rates them.
        Z: `m x f` features of the rows.
    """

    def __init__(self, rows: IntArray, surrogate: Surrogate, Z: FloatArray) -> None:
        at = surrogate.project(Z)
        bound = log_expected_improvement(at.mean, at.variance, surrogate.best)
        order = np.argsort(-bound, kind="stable")
        self._rows, self._bound = rows[order], bound[order]
        self._at = Projection(at.Z[order], at.mean[order], at.whitened[:, order], at.variance[order])

    def most_promising(
        self, n: int, beliefs: Beliefs, is_new: Callable[[IntArray], BoolArray]
    ) -> tuple[IntArray, FloatArray]:
        """Finds the `n` new rows that promise most.

        Args:
            n: How many are wanted.
            beliefs: What is believed of pending rows.
            is_new: Maps `k x d` rows to a mask of those that may be proposed.

        Returns:
            `k x d` rows, the best first, and their `k` promises; `k < n` only if no more are new.
        """
        rows, promise = self._rows[:0], self._bound[:0]
        for begin in range(0, len(self._rows), _CHUNK):
            if len(rows) == n and promise[-1] >= self._bound[begin]:
                break
            chunk = slice(begin, begin + _CHUNK)
            new = is_new(self._rows[chunk])
            rows = np.concatenate([rows, self._rows[chunk][new]])
            promise = np.concatenate([promise, beliefs.promise(self._at.part(chunk))[new]])
            best = np.argsort(-promise, kind="stable")[:n]
            rows, promise = rows[best], promise[best]
        return rows, promise
