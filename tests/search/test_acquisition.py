"""Expected improvement against quadrature, and the pool's short cut against looking at everything."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from tiernas.search.acquisition import log_expected_improvement
from tiernas.search.pool import LazyPool
from tiernas.search.surrogate import Surrogate


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.4, 0.2), (-0.7, 0.5), (-2.0, 0.7), (-3.0, 1.0)])
def test_equals_the_integral(mean: float, deviation: float) -> None:
    expected, _ = quad(lambda f: f * norm.pdf(f, mean, deviation), 0.0, 10.0, epsabs=1e-13)
    found = log_expected_improvement(np.array([mean]), np.array([deviation**2]), 0.0)
    assert found[0] == pytest.approx(np.log(expected), abs=1e-5)


def test_hopeless_rows_still_have_an_order() -> None:
    means = -np.geomspace(0.5, 1e7, 400)
    found = log_expected_improvement(means, np.ones(400), 0.0)
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()


@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_pool_finds_what_rating_every_row_finds(margin: float) -> None:
    rng = np.random.default_rng(0)
    Z = rng.random((30, 4))
    surrogate = Surrogate(Z, np.sin(4.0 * Z).sum(axis=1))
    rows = rng.integers(0, 50, size=(900, 4))
    features = rows / 49.0
    new = rng.random(900) < 0.7
    beliefs = surrogate.believe(features[np.argsort(-surrogate.predict(features)[0])[:60]])
    allowed = {row.tobytes() for row in rows[new]}
    found, promise = LazyPool(rows, surrogate, features).most_promising(
        5, beliefs, lambda X: np.array([row.tobytes() in allowed for row in X]), margin
    )
    every = beliefs.promise(surrogate.project(features), margin)
    every[[row.tobytes() not in allowed for row in rows]] = -np.inf
    best = np.argsort(-every, kind="stable")[:5]
    np.testing.assert_array_equal(found, rows[best])
    np.testing.assert_allclose(promise, every[best])
