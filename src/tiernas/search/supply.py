"""The source of feasible rows that were never proposed."""

import numpy as np

from tiernas.search.asked_once import AskedOnce
from tiernas.search.history import History
from tiernas.search.lattice import BoolArray, IntArray, Lattice, first_of_each, row_keys
from tiernas.search.mutation import mutate

ENUMERATE_LIMIT = 2**16
"""Lattices of up to this many rows are listed once, so that it is known exactly when no row is left: 41 integers of 8
bytes for each row are 21 MB."""

_BATCH = 2048
_BATCHES = 32
"""Blind draws and mutations end after `_BATCHES` batches of `_BATCH` rows each: 65,536 tries find a region that holds
one row in 10,000 with probability 0.999, and a vectorized feasibility rule answers them in well under a second."""


class Supply:
    """Feasible rows of a lattice that are neither told nor pending.

    Args:
        lattice: The lattice and its feasibility rule.
        history: The told and pending rows; followed as it grows.
        pool: `p x d` rows sampled beforehand; infeasible and duplicate ones are dropped.
    """

    def __init__(self, lattice: Lattice, history: History, pool: IntArray | None) -> None:
        self._lattice = lattice
        self._history = history
        self.complete = lattice.size <= ENUMERATE_LIMIT
        """Whether `rows` contains every feasible row."""
        if self.complete:
            self.rows = lattice.every_row()
        elif pool is not None:
            self.rows = lattice.feasible_only(pool)
        else:
            self.rows = np.empty((0, lattice.dim), dtype=np.int64)
        self._index = {key: i for i, key in enumerate(row_keys(self.rows))}
        self._is_new: BoolArray = np.ones(len(self.rows), dtype=np.bool_)
        self.known_feasible = AskedOnce(lattice.feasible)
        """Like `lattice.feasible`, for told rows: a history may contain rows that must not be proposed."""

    def mark_seen(self, X: IntArray) -> None:
        """Removes the `n x d` rows `X`, now told or pending, from the listed rows."""
        seen = [self._index[key] for key in row_keys(X) if key in self._index]
        self._is_new[seen] = False

    def draw_listed(self, n: int, rng: np.random.Generator) -> IntArray:
        """Draws up to `n` of the new listed rows (enumeration or pool), uniformly and without repetition."""
        new = np.flatnonzero(self._is_new)
        rows: IntArray = self.rows[rng.choice(new, size=min(n, len(new)), replace=False)]
        return rows

    def anywhere(self, n: int, rng: np.random.Generator) -> IntArray:
        """Draws up to `n` feasible rows with little effort, known ones included: listed ones, else uniform ones."""
        if len(self.rows):
            listed: IntArray = self.rows[rng.choice(len(self.rows), size=min(n, len(self.rows)), replace=False)]
            return listed
        return self._lattice.distinct(self._lattice.uniform(_BATCH, rng))[:n]

    def is_new(self, X: IntArray) -> BoolArray:
        """Which of `n x d` canonical rows are neither told nor pending."""
        return np.array([key not in self._history for key in row_keys(X)], dtype=np.bool_)

    def admit(self, X: IntArray) -> IntArray:
        """Returns the rows of `X` (`n x d`) made canonical that are feasible, new and distinct, in their order."""
        rows = self._lattice.canonical(X)
        rows = first_of_each(rows[self.is_new(rows)])
        return rows[self._lattice.feasible(rows)]

    def draw(self, n: int, rng: np.random.Generator) -> IntArray:
        """Draws up to `n` new rows: listed ones, else uniform ones, else mutations of known feasible rows.

        Fewer than `n` are returned when the enumeration is used up or the bounded effort finds no more.
        """
        rows = self.draw_listed(n, rng)
        if self.complete or len(rows) == n:
            return rows
        for _ in range(_BATCHES):
            drawn = self.admit(np.concatenate([rows, self._lattice.uniform(_BATCH, rng)]))
            rows = drawn[:n]
            if len(rows) == n:
                return rows
        return self._draw_near(rows, n, rng)

    def draw_one(self, rng: np.random.Generator) -> IntArray | None:
        """Draws one new row of shape `(d,)` as `draw` does, or None."""
        rows = self.draw(1, rng)
        row: IntArray | None = rows[0] if len(rows) else None
        return row

    def _draw_near(self, rows: IntArray, n: int, rng: np.random.Generator) -> IntArray:
        told, _ = self._history.told
        known = self._lattice.feasible_only(np.concatenate([self.rows, told, self._history.pending]))
        if len(known) == 0:
            return rows
        for _ in range(_BATCHES):
            parents = known[rng.integers(0, len(known), size=_BATCH)]
            changes = rng.integers(1, self._lattice.dim + 1, size=_BATCH)
            children = mutate(parents, changes, self._lattice, rng)
            rows = self.admit(np.concatenate([rows, children]))[:n]
            if len(rows) == n:
                break
        return rows
