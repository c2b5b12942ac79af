"""The Gaussian process: sane posteriors, draws and beliefs that agree with them, a gradient that is one."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from tiernas.search.hyperparameters import JITTER, _Posterior, fit
from tiernas.search.kernel import Hyperparameters, Inputs, covariance, main_effects, matern, variance
from tiernas.search.surrogate import Surrogate, fit_hyperparameters


def smooth(Z: np.ndarray) -> np.ndarray:
    return 70.0 + np.sin(3.0 * Z[:, 0]) + 0.5 * Z[:, 1]


def fitted() -> tuple[Surrogate, np.ndarray]:
    Z = np.random.default_rng(0).random((40, 3))
    return Surrogate(Z, smooth(Z)), Z


def test_matern_by_hand() -> None:
    # (1 + sqrt(5) / 2 + 5 / 12) exp(-sqrt(5) / 2) at r = 1/2
    assert matern(np.array([0.0, 0.5])) == pytest.approx([1.0, (1 + 5**0.5 / 2 + 5 / 12) * np.exp(-(5**0.5) / 2)])


def test_covariance_scales_each_feature() -> None:
    scaled = Hyperparameters(np.array([2.0, 1.0]), signal=3.0, noise=0.1)
    here, there = np.array([[0.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 1.0]])
    K = covariance(Inputs.of(here, scaled), Inputs.of(there, scaled), scaled)
    np.testing.assert_allclose(K, 3.0 * matern(np.array([[1.0, 1.0]])))


def test_main_effects_are_orthonormal_and_have_variance_1_together() -> None:
    level = (np.arange(4000) + 0.5) / 4000
    effects = main_effects(np.stack([level, level[::-1]], axis=1)) * 2.0
    np.testing.assert_allclose(effects.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(effects[:, [0, 2]].T @ effects[:, [0, 2]] / 4000, np.eye(2), atol=1e-6)
    assert (main_effects(np.random.default_rng(0).random((4000, 5))) ** 2).sum(axis=1).mean() == pytest.approx(1, 0.03)


def test_variance_is_the_diagonal_of_the_covariance() -> None:
    Z = np.random.default_rng(0).random((7, 3))
    for effects in (0.0, 0.8):
        known = Hyperparameters(np.full(3, 0.7), signal=1.5, noise=0.01, effects=effects)
        inputs = Inputs.of(Z, known)
        np.testing.assert_allclose(variance(inputs, known), np.diag(covariance(inputs, inputs, known)))


@pytest.mark.parametrize("effects", [False, True])
def test_gradient_is_that_of_the_posterior(effects: bool) -> None:
    rng = np.random.default_rng(3)
    Z = rng.random((12, 3))
    posterior = _Posterior(Z, rng.standard_normal(12), effects=effects)
    for _ in range(3):
        at = rng.normal(-0.5, 0.7, size=6 if effects else 5)
        error = check_grad(lambda t: posterior(t)[0], lambda t: posterior(t)[1], at)
        assert error < 1e-4 * np.linalg.norm(posterior(at)[1])


def test_fit_finds_the_feature_that_matters_and_the_noise() -> None:
    rng = np.random.default_rng(1)
    Z = rng.random((120, 4))
    y = np.sin(6.0 * Z[:, 0]) + 0.1 * rng.standard_normal(120)
    found = fit(Z, (y - y.mean()) / y.std())
    assert found.length_scales[0] < 0.2 * found.length_scales[1:].min()
    assert found.noise == pytest.approx(0.01 / y.var(), rel=0.5)


def test_a_feature_that_never_varies_gets_the_length_scale_whose_logarithm_is_likeliest_by_the_prior() -> None:
    """`exp(sqrt(2)) sqrt(f)`; were the density of the length maximised, it would be `exp(sqrt(2) - 3) sqrt(f)`."""
    rng = np.random.default_rng(1)
    Z = np.concatenate([rng.random((40, 3)), np.full((40, 1), 0.5)], axis=1)
    y = np.sin(6.0 * Z[:, 0])
    found = fit(Z, (y - y.mean()) / y.std())
    assert found.length_scales[3] == pytest.approx(np.exp(2**0.5) * 4**0.5, rel=0.05)


def test_main_effects_are_learned_from_twice_as_many_rows_as_features() -> None:
    """A bowl in 20 dimensions, from 40 rows: slopes and curvatures are enough for it."""

    def bowl(Z: np.ndarray) -> np.ndarray:
        height: np.ndarray = -((Z - 0.6) ** 2).sum(axis=1)
        return height

    rng = np.random.default_rng(2)
    Z, fresh = rng.random((40, 20)), rng.random((300, 20))
    plain, effects = (fit_hyperparameters(Z, bowl(Z), effects=effects) for effects in (False, True))
    assert plain.effects == 0.0
    errors = [np.std(bowl(fresh) - Surrogate(Z, bowl(Z), known).predict(fresh)[0]) for known in (plain, effects)]
    assert errors[1] < 0.7 * errors[0]


def test_main_effects_are_left_out_where_nothing_speaks_for_them() -> None:
    """What one feature does here depends on the other: on average over it, nothing."""
    Z = np.random.default_rng(3).random((60, 4))
    y = np.sin(9.0 * Z[:, 0]) * np.cos(7.0 * Z[:, 1])
    plain, effects = (fit_hyperparameters(Z, y, effects=effects) for effects in (False, True))
    assert effects.effects == 0.0
    np.testing.assert_array_equal(effects.length_scales, plain.length_scales)


def test_posterior_is_close_where_observed_and_unsure_far_away() -> None:
    surrogate, Z = fitted()
    mean, deviation = surrogate.predict(Z)
    np.testing.assert_allclose(mean, smooth(Z), atol=0.05)
    fresh = np.random.default_rng(1).random((200, 3))
    assert np.corrcoef(surrogate.predict(fresh)[0], smooth(fresh))[0, 1] > 0.99
    _, far = surrogate.predict(np.full((1, 3), 30.0))
    assert far[0] > 5 * deviation.max()


def test_draws_agree_with_the_posterior() -> None:
    surrogate, _ = fitted()
    Z = np.random.default_rng(1).random((6, 3))
    mean, deviation = surrogate.predict(Z)
    rng = np.random.default_rng(2)
    draws = np.stack([surrogate.draw(Z, rng) for _ in range(600)])
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * deviation.max() / np.sqrt(600))
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.1, atol=1e-3)


def test_beliefs_equal_a_process_told_its_own_predictions() -> None:
    rng = np.random.default_rng(4)
    Z, pending, fresh = rng.random((20, 3)), rng.random((5, 3)), rng.random((8, 3))
    known = Hyperparameters(np.full(3, 0.7), signal=1.0, noise=0.01, effects=0.5)
    y = smooth(Z)
    surrogate = Surrogate(Z, y, known)
    at = surrogate.project(fresh)
    both, there = Inputs.of(np.vstack([Z, pending]), known), Inputs.of(fresh, known)
    K = covariance(both, both, known) + (0.01 + JITTER) * np.eye(25)
    k = covariance(both, there, known)
    expected = variance(there, known) - np.einsum("nm,nm->m", k, np.linalg.solve(K, k))
    np.testing.assert_allclose(surrogate.believe(pending).see(at).variance, expected, atol=1e-6)
    told = Surrogate(Z, y, known).scale.apply(np.concatenate([y, surrogate.predict(pending)[0]]))
    np.testing.assert_allclose(k.T @ np.linalg.solve(K, told), at.mean, atol=1e-6)


def test_blocks_of_pending_rows_are_believed_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    surrogate, Z = fitted()
    rng = np.random.default_rng(5)
    pending, at = rng.random((7, 3)), surrogate.project(Z[:4] + 0.1)
    at_once = surrogate.believe(pending).see(at).variance
    mean, feasible = surrogate.project(pending).mean, np.arange(7) % 2 == 1
    monkeypatch.setattr("tiernas.search.surrogate._BLOCK", 3)
    surrogate.believe(pending[:5], feasible[:5])
    blocks = surrogate.believe(pending, feasible)
    np.testing.assert_allclose(blocks.see(at).variance, at_once, rtol=1e-4)
    assert blocks.best == pytest.approx(max(surrogate.best, mean[feasible].max()))


def test_only_feasible_pending_rows_are_to_be_improved_on() -> None:
    """A rising line: pending rows beyond the observed promise more than any of these, as far as they are feasible."""
    Z = np.linspace(0.0, 0.5, 11)[:, None]
    surrogate = Surrogate(Z, Z[:, 0])
    pending = np.array([[0.55], [0.6], [0.65], [0.7]])
    mean = surrogate.project(pending).mean
    assert (np.diff(mean) > 0).all()
    assert mean[0] > surrogate.best
    for feasible, best in (([1, 1, 0, 0], mean[1]), ([1, 1, 1, 1], mean[3]), ([0, 0, 0, 0], surrogate.best)):
        assert surrogate.believe(pending, np.array(feasible, dtype=np.bool_)).best == best
    assert surrogate.believe(pending).best == mean[3]


def test_nothing_pending_changes_nothing() -> None:
    surrogate, Z = fitted()
    at = surrogate.project(Z[:4] + 0.1)
    np.testing.assert_array_equal(surrogate.believe(np.empty((0, 3))).see(at).variance, at.variance)


def test_equal_observations_and_two_rows() -> None:
    mean, _ = Surrogate(np.array([[0.0], [1.0]]), np.array([0.3, 0.3])).predict(np.array([[0.5]]))
    np.testing.assert_allclose(mean, 0.3, atol=1e-6)


def test_equal_rows_can_be_drawn_from_and_believed() -> None:
    surrogate, Z = fitted()
    twice = np.repeat(Z[:3], 2, axis=0)
    assert np.isfinite(surrogate.draw(twice, np.random.default_rng(0))).all()
    assert np.isfinite(surrogate.believe(twice).promise(surrogate.project(twice))).all()
