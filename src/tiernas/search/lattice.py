"""The integer lattice that is searched, and the rule for which of its rows may be proposed."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


class Lattice:
    """All rows `x` with `0 <= x[i] < levels[i]`; rows that mean the same network are one.

    Args:
        levels: Number of values of each of the `d` dimensions; 1 makes a dimension constant.
        categorical: Which dimensions have no order among their values; none by default.
        feasible: Maps `n x d` rows to an `n` mask; every row is feasible by default.
        canonical: Maps `n x d` rows to `n x d` representatives, the same one for all rows that mean the same network.
            It must be idempotent, and a row is feasible exactly if its representative is.
    """

    def __init__(
        self,
        levels: Sequence[int],
        *,
        categorical: Sequence[bool] | None = None,
        feasible: Callable[[IntArray], BoolArray] | None = None,
        canonical: Callable[[IntArray], IntArray] | None = None,
    ) -> None:
        self.levels = _integers(levels, "levels")
        if self.levels.ndim != 1 or self.levels.size == 0:
            raise ValueError(f"levels must be a flat list with one count per dimension, got {levels!r}")
        if (self.levels < 1).any():
            raise ValueError(f"levels must be 1 or more in every dimension, got {self.levels.tolist()}")
        flags = [False] * self.dim if categorical is None else list(categorical)
        if len(flags) != self.dim:
            raise ValueError(f"categorical has {len(flags)} flags for {self.dim} levels: give one per dimension")
        self.categorical: BoolArray = np.array(flags, dtype=np.bool_)
        self.unordered: BoolArray = self.categorical & (self.levels > 2)
        """Categorical dimensions of three values or more; with two, there is only one distance."""
        self._feasible = feasible
        self._canonical = canonical

    @property
    def dim(self) -> int:
        """The number of dimensions `d`, constant ones included."""
        return int(self.levels.size)

    @property
    def size(self) -> int:
        """The exact number of rows, however large, feasible or not."""
        return math.prod(self.levels.tolist())

    def check(self, X: ArrayLike, name: str = "X") -> IntArray:
        """Returns `X` as canonical `n x d` rows, or raises a ValueError that says what is wrong with it."""
        rows = _integers(X, name)
        if rows.ndim != 2 or rows.shape[1] != self.dim:
            hint = "; wrap a single row as [row]" if rows.shape == (self.dim,) else ""
            raise ValueError(f"{name} must have shape (n, {self.dim}), got {rows.shape}{hint}")
        outside = (rows < 0) | (rows >= self.levels)
        if outside.any():
            i, j = (int(k) for k in np.argwhere(outside)[0])
            raise ValueError(
                f"{name}[{i}] has {rows[i, j]} in dimension {j}, which holds 0 to {self.levels[j] - 1}: "
                "give level indices, not the values they stand for"
            )
        return self.canonical(rows)

    def canonical(self, X: IntArray) -> IntArray:
        """Maps `n x d` rows to the `n x d` representatives of their networks."""
        if self._canonical is None or len(X) == 0:
            return X
        rows = np.asarray(self._canonical(X), dtype=np.int64)
        if rows.shape != X.shape:
            raise ValueError(f"canonical must return rows of shape {X.shape}, got {rows.shape}")
        return rows

    def feasible(self, X: IntArray) -> BoolArray:
        """Maps `n x d` rows to an `n` mask."""
        if self._feasible is None or len(X) == 0:
            return np.ones(len(X), dtype=np.bool_)
        mask = np.asarray(self._feasible(X))
        if mask.shape != (len(X),) or mask.dtype != np.bool_:
            raise ValueError(f"feasible must return {len(X)} bools, got {mask.dtype} of shape {mask.shape}")
        return mask

    def uniform(self, n: int, rng: np.random.Generator) -> IntArray:
        """Draws `n x d` rows uniformly, feasible or not."""
        return self.canonical(rng.integers(0, self.levels, size=(n, self.dim), dtype=np.int64))

    def every_row(self) -> IntArray:
        """Lists the `m x d` distinct feasible rows, in lexicographic order; only for a small `size`."""
        strides = np.cumprod(np.append(1, self.levels[:0:-1]))[::-1]
        return self.feasible_only(np.arange(self.size, dtype=np.int64)[:, None] // strides % self.levels)

    def distinct(self, X: IntArray) -> IntArray:
        """Returns the `m x d` distinct canonical feasible rows of `X`, in the order of `X`; faster than sorting."""
        rows = first_of_each(self.canonical(X))
        return rows[self.feasible(rows)]

    def feasible_only(self, X: IntArray) -> IntArray:
        """Returns the `m x d` distinct canonical feasible rows of `X`, in lexicographic order."""
        rows: IntArray = np.unique(self.canonical(X), axis=0)
        return rows[self.feasible(rows)]


def row_keys(X: NDArray[Any]) -> list[bytes]:
    """Returns one hashable key per row of `n x d` rows."""
    rows = np.ascontiguousarray(X)
    if not rows.size:
        return [b""] * len(rows)
    keys: list[bytes] = rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel().tolist()
    return keys


def first_of_each(X: IntArray) -> IntArray:
    """Returns the `m x d` distinct rows of `n x d` rows, in order of first appearance."""
    first = dict(zip(reversed(row_keys(X)), range(len(X) - 1, -1, -1), strict=True))
    rows: IntArray = X[sorted(first.values())]
    return rows


def _integers(values: ArrayLike, name: str) -> IntArray:
    raw = np.asarray(values)
    if raw.size == 0:
        return raw.astype(np.int64)
    if raw.dtype.kind not in "iuf" or not np.all(np.isfinite(raw) & (raw == np.floor(raw))):
        raise ValueError(f"{name} must hold whole numbers, got {raw.dtype} values such as {raw.ravel()[0]!r}")
    return raw.astype(np.int64)
