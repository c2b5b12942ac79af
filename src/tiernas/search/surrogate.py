"""A Gaussian process that predicts what will be observed."""

import contextlib
from collections.abc import Iterator

import gpytorch
import numpy as np
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from botorch.settings import validate_input_scaling
from gpytorch.mlls import ExactMarginalLogLikelihood
from linear_operator.utils.cholesky import psd_safe_cholesky

from tiernas.search.lattice import FloatArray

_MAX_ITERATIONS = 50
"""Of L-BFGS per fit. Trials on tables of trained networks found no gain from more, while a fit to convergence
at 500 rows takes the better part of a minute."""


class Surrogate:
    """Gaussian process with a Matern-5/2 kernel and one length scale per feature.

    `k(z, z') = (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r)` with `r^2 = sum_i (z_i - z'_i)^2 / l_i^2`, on
    standardised observations, with a noise that is fitted too. The length scales have the prior
    `l_i ~ LogNormal(sqrt(2) + ln(f) / 2, sqrt(3))`, which grows with the number of features `f`, so that many
    features do not make every row a stranger to every other: C. Hvarfner, E. O. Hellsten, L. Nardi: Vanilla
    Bayesian optimization performs great in high dimensions. ICML 2024, arXiv 2402.02229. They are the maximum
    a posteriori.

    Args:
        Z: `n x f` features, `n >= 2`.
        y: `n` observations.
        seed: For the starts drawn from the prior when the first fit fails.

    Raises:
        botorch.exceptions.errors.ModelFittingError: If no start leads to a fit.
    """

    def __init__(self, Z: FloatArray, y: FloatArray, seed: int) -> None:
        self._mean = float(y.mean())
        self._scale = float(y.std(ddof=1)) if np.ptp(y) > 0 else 1.0
        with _single_thread(), torch.random.fork_rng(devices=[]), validate_input_scaling(False):
            torch.manual_seed(seed)
            self._model = SingleTaskGP(
                torch.from_numpy(Z),
                torch.from_numpy((y - self._mean) / self._scale)[:, None],
                covar_module=get_covar_module_with_dim_scaled_prior(Z.shape[1], use_rbf_kernel=False),
                outcome_transform=None,
            )
            mll = ExactMarginalLogLikelihood(self._model.likelihood, self._model)
            fit_gpytorch_mll(mll, optimizer_kwargs={"options": {"maxiter": _MAX_ITERATIONS}})

    def predict(self, Z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Returns the `m` posterior means and standard deviations, without noise, at `m x f` features."""
        mean, covariance = self._posterior(Z)
        deviation = covariance.diagonal().clamp_min(0.0).sqrt()
        return mean.numpy() * self._scale + self._mean, deviation.numpy() * self._scale

    def draw(self, Z: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Draws one function from the posterior and returns its `m` values at `m x f` features.

        Raises:
            linear_operator.utils.errors.NotPSDError: If the posterior covariance cannot be factorised.
        """
        mean, covariance = self._posterior(Z)
        with _single_thread():
            noise = torch.from_numpy(rng.standard_normal(len(Z)))
            values: FloatArray = (mean + psd_safe_cholesky(covariance) @ noise).numpy()
        return values * self._scale + self._mean

    def _posterior(self, Z: FloatArray) -> tuple[torch.Tensor, torch.Tensor]:
        exact = gpytorch.settings.fast_computations(False, False, False)
        quiet = gpytorch.settings.debug(False)
        with _single_thread(), torch.no_grad(), exact, quiet:
            distribution = self._model(torch.from_numpy(Z))
            return distribution.mean, distribution.covariance_matrix


@contextlib.contextmanager
def _single_thread() -> Iterator[None]:
    """Runs torch on one thread: the other cores train, and the order of sums does not depend on how many."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
