"""The rows an optimizer was told about, and the rows it proposed whose results are pending."""

import numpy as np

from tiernas.search.lattice import FloatArray, IntArray, row_keys


class History:
    """Told and pending rows, each in order of first appearance.

    Args:
        dim: The number of dimensions `d` of a row.
    """

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._told: dict[bytes, list[float]] = {}
        self._means: dict[bytes, float] = {}
        self._pending: dict[bytes, None] = {}
        self._observed: tuple[int, IntArray, FloatArray] | None = None
        self.version = 0
        """Increases with every tell; what depends on the told rows alone can be kept until then."""

    def __contains__(self, key: bytes) -> bool:
        """Whether the row of this key is told or pending."""
        return key in self._told or key in self._pending

    def __len__(self) -> int:
        """The number of distinct rows told or pending; each proposal adds one, and none is removed."""
        return len(self._told) + len(self._pending)

    def tell(self, X: IntArray, y: FloatArray) -> None:
        """Records `n` observations `y` of the `n x d` rows `X`, which are no longer pending."""
        for key, value in zip(row_keys(X), y.tolist(), strict=True):
            self._pending.pop(key, None)
            values = self._told.setdefault(key, [])
            values.append(value)
            self._means[key] = _mean(values)
        self.version += 1

    def add_pending(self, X: IntArray) -> None:
        """Marks the `n x d` rows `X` as pending, except those that are told or pending already."""
        for key in row_keys(X):
            if key not in self._told:
                self._pending.setdefault(key)

    @property
    def pending(self) -> IntArray:
        """The `m x d` rows asked for but not yet told."""
        return self._rows(list(self._pending))

    @property
    def told(self) -> tuple[IntArray, FloatArray]:
        """The `n x d` distinct told rows and the `n` means of their observations; NaN where all failed."""
        return self._rows(list(self._means)), np.fromiter(self._means.values(), np.float64, len(self._means))

    @property
    def observed(self) -> tuple[IntArray, FloatArray]:
        """The told rows and means without the failed ones."""
        if self._observed is None or self._observed[0] != self.version:
            X, y = self.told
            ok = ~np.isnan(y)
            self._observed = self.version, X[ok], y[ok]
        return self._observed[1:]

    def _rows(self, keys: list[bytes]) -> IntArray:
        return np.frombuffer(b"".join(keys), dtype=np.int64).reshape(len(keys), self._dim).copy()


def _mean(values: list[float]) -> float:
    finite = [v for v in values if v == v]
    return sum(finite) / len(finite) if finite else float("nan")
