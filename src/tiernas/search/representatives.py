"""The rows of a long history that stand for all of them in a model of limited size."""

from __future__ import annotations

import numpy as np

from tiernas.search.lattice import FloatArray, IntArray


def best_and_near(Z: FloatArray, order: IntArray, centre: FloatArray, limit: int) -> IntArray:
    """Chooses half from the best rows, near which the proposals will be, and a quarter from those nearest to a center.

    The rest is spread evenly over the order, so that the model knows the poor parts as poor, not as unknown.

    Args:
        Z: `n x f` features.
        order: `n` indices, the best row first.
        centre: `f` features.
        limit: The number of rows to choose; all if there are no more.

    Returns:
        The chosen indices, increasing.
    """
    best, rest = np.split(order, [limit // 2])
    near = np.argsort(((Z[rest] - centre) ** 2).sum(axis=1), kind="stable")
    nearest, rest = rest[near[: limit // 4]], rest[np.sort(near[limit // 4 :])]
    return np.sort(np.concatenate([best, nearest, _spread(rest, limit - len(best) - len(nearest))]))


def half_best(y: FloatArray, limit: int) -> IntArray:
    """Up to `limit` indices of `n` values, increasing: half of them the best, the others spread over the order."""
    best, rest = np.split(_order(y), [limit // 2])
    return np.sort(np.concatenate([best, _spread(rest, limit - len(best))]))


def of_all_values(y: FloatArray, limit: int) -> IntArray:
    """Up to `limit` indices of `n` values, increasing: spread over the order, from the best to the worst."""
    return np.sort(_spread(_order(y), limit))


def _order(y: FloatArray) -> IntArray:
    """Indices of `n` values, the highest first."""
    return np.argsort(-y, kind="stable")


def _spread(order: IntArray, n: int) -> IntArray:
    """`n` of the indices or all of them, evenly spread."""
    return order[np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(np.int64)]
