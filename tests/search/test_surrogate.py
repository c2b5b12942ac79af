"""The Gaussian process: sane posteriors, and no trace left in torch."""

import numpy as np
import torch

from tiernas.search.surrogate import Surrogate


def smooth(Z: np.ndarray) -> np.ndarray:
    return 70.0 + np.sin(3.0 * Z[:, 0]) + 0.5 * Z[:, 1]


def fitted() -> tuple[Surrogate, np.ndarray]:
    Z = np.random.default_rng(0).random((40, 3))
    return Surrogate(Z, smooth(Z), seed=0), Z


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
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.1)


def test_equal_observations_and_two_rows() -> None:
    mean, _ = Surrogate(np.array([[0.0], [1.0]]), np.array([0.3, 0.3]), seed=0).predict(np.array([[0.5]]))
    np.testing.assert_allclose(mean, 0.3, atol=1e-6)


def test_torch_is_left_as_it_was() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    surrogate, Z = fitted()
    surrogate.draw(Z, np.random.default_rng(0))
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
