"""Candidates that many proposals choose from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tiernas.search.lattice import BoolArray, FloatArray, IntArray
from tiernas.search.surrogate import Beliefs, Surrogate

_CHUNK = 32


class LazyPool:
    """Rows that are rated lazily: further pending rows can only lower what a row promises.

    The variance at a row shrinks with every pending row and the best to improve on never falls, so the last rating of a
    row bounds its rating now. Rows are rated in that order until none of the rest can be among the best: the lazy
    evaluation of M. Minoux: Accelerated greedy algorithms for maximizing submodular set functions. 1978.

    Args:
        rows: `m x d` rows.
        surrogate: Rates them.
        Z: `m x f` features of the rows.
    """

    def __init__(self, rows: IntArray, surrogate: Surrogate, Z: FloatArray) -> None:
        self._rows = rows
        self._at = surrogate.project(Z)
        self._surrogate = surrogate
        self._bounds: dict[float, FloatArray] = {}

    def most_promising(
        self, n: int, beliefs: Surrogate | Beliefs, is_new: Callable[[IntArray], BoolArray], margin: float = 0.0
    ) -> tuple[IntArray, FloatArray]:
        """Finds the `n` most promising new rows. No row may have ceased to be pending since the last call.

        Args:
            n: The number of rows wanted.
            beliefs: The beliefs about pending rows.
            is_new: Maps `k x d` rows to a mask of those that may be proposed.
            margin: What an improvement must exceed; see `Surrogate.promise`.

        Returns:
            `k x d` rows, the best first, and their `k` promises; `k < n` only if no more are new.
        """
        if margin not in self._bounds:
            self._bounds[margin] = self._surrogate.promise(self._at, margin)
        bound = self._bounds[margin]
        order = np.argsort(-bound, kind="stable")
        best = order[:0]
        for begin in range(0, len(order), _CHUNK):
            chunk = order[begin : begin + _CHUNK]
            if len(best) == n and bound[best[-1]] >= bound[chunk[0]]:
                break
            promise = beliefs.promise(self._at.part(chunk), margin)
            bound[chunk] = np.where(is_new(self._rows[chunk]), promise, -np.inf)
            best = np.concatenate([best, chunk])
            best = best[np.argsort(-bound[best], kind="stable")][:n]
        best = best[bound[best] > -np.inf]
        return self._rows[best], bound[best]
