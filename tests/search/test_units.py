"""A search goes the same way whatever the unit of what it observes, as far as observations may be large or small."""

from collections.abc import Callable

import numpy as np
import pytest

from tiernas.search import LaMctsOptimizer, Optimizer, ThompsonOptimizer, TrustRegionOptimizer
from tiernas.search.lattice import FloatArray, IntArray

LEVELS = [6] * 5


def value(X: IntArray) -> FloatArray:
    """Between -45 and 0; a third of the rows far below the others."""
    y: FloatArray = -((X - 2.0) ** 2).sum(axis=1) * np.where(X[:, 0] > 3, 1.0, 0.1)
    return y


def proposed(kind: Callable[..., Optimizer], unit: float) -> IntArray:
    optimizer = kind(LEVELS, seed=1)
    X = np.random.default_rng(0).integers(0, LEVELS, size=(30, len(LEVELS)))
    optimizer.tell(X, value(X) / unit)
    return optimizer.ask(4)


@pytest.mark.parametrize("kind", [LaMctsOptimizer, ThompsonOptimizer, TrustRegionOptimizer])
@pytest.mark.parametrize("unit", [2.0**1010, 2.0**-326])
def test_the_largest_and_the_smallest_observations_are_learned_from(
    kind: Callable[..., Optimizer], unit: float
) -> None:
    """Powers of two lose nothing in rounding. The squares of such differences would vanish or overflow."""
    np.testing.assert_array_equal(proposed(kind, unit), proposed(kind, 1.0))


def test_a_difference_far_smaller_than_the_observations_is_seen() -> None:
    """Low rows are compressed, as far as the best is above the median, by 1e-310: it is what is climbed from."""
    optimizer = LaMctsOptimizer(LEVELS, seed=1)
    X = np.random.default_rng(0).permutation(np.argwhere(np.ones(LEVELS)))[:30]
    y = np.where(np.arange(30) < 12, -1.0, 0.0)
    y[20] = 1e-310
    optimizer.tell(X, y)
    assert np.abs(optimizer.ask(8) - X[20]).sum(axis=1).mean() < np.abs(X - X[20]).sum(axis=1).mean()
