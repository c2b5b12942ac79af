"""Length scales, signal, noise and main effects of the Gaussian process, fitted to the observations."""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import OptimizeResult, minimize

from tiernas.search.kernel import Hyperparameters, distances, main_effects, matern, matern_slope
from tiernas.search.lattice import FloatArray

_ITERATIONS = 50
"""Steps of L-BFGS. More brought no gain on tables of trained networks."""

_SCALE_MEAN = math.sqrt(2.0)
_SCALE_DEVIATION = math.sqrt(3.0)
"""Mean (to which `ln(f) / 2` is added) and standard deviation of the logarithm of a length scale, from the source. A
smaller deviation predicts randomly drawn networks better (benchmarks/search/length_scales.py), but the search finds
less with it (docs/search.md)."""

_SIGNAL_PRIOR = (math.log(0.5), 2.0)
_NOISE_PRIOR = (-4.0, 1.0)
"""Mean and standard deviation of the logarithm. Observations have variance 1, and the signal takes about half of it or
more. Repeated training runs differ by some tenths of a point where networks differ by points, so the noise takes about
2 %, with a probability of 95 % between 0.2 and 13 %."""

_EFFECTS_PRIOR = (math.log(0.02), 3.0)
"""Mean and standard deviation of the logarithm: few main effects, or many if the observations support them."""

_EFFECTS_EVIDENCE = 3.0
"""What main effects must add to the logarithm of the posterior density to be used: `e^3 = 20` to one. Most searches on
the tables of networks never reach it; those on test functions in 20 dimensions soon do (docs/search.md)."""

_BOUNDS = {"length_scale": (-6.0, 8.0), "signal": (-12.0, 4.0), "noise": (-12.0, 1.0), "effects": (-12.0, 4.0)}
"""Bounds of the logarithms: far outside what the priors allow, so that no step of the fit overflows."""

JITTER = 1e-6
"""Added to the diagonal of the covariance of observations, which have variance 1."""


def fit(Z: FloatArray, y: FloatArray, *, effects: bool = False) -> Hyperparameters:
    """The maximum a posteriori estimate of the hyperparameters.

    The length scales have the prior `l_i ~ LogNormal(sqrt(2) + ln(f) / 2, sqrt(3))`, which grows with the number of
    features `f`, so that rows do not become unrelated when there are many features: C. Hvarfner, E. O. Hellsten, L.
    Nardi: Vanilla Bayesian optimization performs great in high dimensions. ICML 2024, arXiv 2402.02229. The source
    maximizes the density of the lengths, this function the density of their logarithms: without information from the
    observations a length scale is `exp(sqrt(2)) sqrt(f)` here and a twentieth (`e^-3`) of that in the source. With few
    rows, longer scales order networks better but are overconfident; from 300 rows on there is no difference
    (docs/search.md). The gradient is exact (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, eq.
    5.9); for all length scales together it costs one matrix product, not one `n x n` matrix each.

    Args:
        Z: `n x f` features, `n >= 2`.
        y: `n` standardized observations.
        effects: Whether to add main effects if they make the observations much more likely.

    Returns:
        The best found from a fixed start in a bounded number of steps; deterministic.
    """
    features = Z.shape[1]
    start = np.concatenate([np.full(features, math.log(features) / 2), [_SIGNAL_PRIOR[0], math.log(0.01)]])
    without = _Posterior(Z, y)
    plain = _descend(without, start)
    if effects:
        added = _Posterior(Z, y, effects=True)
        found = _descend(added, np.append(start, _EFFECTS_PRIOR[0]))
        if plain.fun - found.fun > _EFFECTS_EVIDENCE:
            return added.read(found.x)
    return without.read(plain.x)


def _descend(posterior: _Posterior, start: FloatArray) -> OptimizeResult:
    return minimize(
        posterior, start, jac=True, method="L-BFGS-B", bounds=posterior.bounds, options={"maxiter": _ITERATIONS}
    )


class _Posterior:
    """Negative log posterior of the logarithms of all hyperparameters, and its gradient.

    Args:
        Z: `n x f` features.
        y: `n` standardized observations.
        effects: Whether the logarithms include the one of the main effects, after those of the `f` length scales, the
            signal and the noise.
    """

    def __init__(self, Z: FloatArray, y: FloatArray, *, effects: bool = False) -> None:
        self._Z, self._y = Z, y
        features = self._features = Z.shape[1]
        priors = [(_SCALE_MEAN + math.log(features) / 2, _SCALE_DEVIATION)] * features
        priors += [_SIGNAL_PRIOR, _NOISE_PRIOR]
        self.bounds = [_BOUNDS["length_scale"]] * features + [_BOUNDS["signal"], _BOUNDS["noise"]]
        self._effects: FloatArray | None = None
        if effects:
            priors.append(_EFFECTS_PRIOR)
            self.bounds.append(_BOUNDS["effects"])
            basis = main_effects(Z)
            self._effects = basis @ basis.T
        self._prior_mean, self._prior_deviation = np.array(priors).T

    def read(self, logarithms: FloatArray) -> Hyperparameters:
        """The hyperparameters with these logarithms."""
        values = np.exp(logarithms)
        scales, rest = values[: self._features], values[self._features :]
        return Hyperparameters(scales, *rest.tolist())

    def __call__(self, logarithms: FloatArray) -> tuple[float, FloatArray]:
        now = self.read(logarithms)
        A = self._Z / now.length_scales
        r = distances(A, A)
        correlation = matern(r)
        K = now.signal * correlation
        if self._effects is not None:
            K += now.effects * self._effects
        K[np.diag_indices(len(K))] += now.noise + JITTER
        factor, failed = lapack.dpotrf(K, lower=1, clean=0)
        if failed:  # looks like an endless slope: the line search steps back
            return 1e25, np.zeros_like(logarithms)
        weights, _ = lapack.dpotrs(factor, self._y, lower=1)
        inverse, _ = lapack.dpotri(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        pull = np.outer(weights, weights) - inverse
        G = 2.0 * now.signal * pull * matern_slope(r)
        gradient = np.empty_like(logarithms)
        f = self._features
        gradient[:f] = -((A * A * G.sum(axis=1)[:, None]).sum(axis=0) - (A * (G @ A)).sum(axis=0))
        gradient[f] = -0.5 * now.signal * (pull * correlation).sum()
        gradient[f + 1] = -0.5 * now.noise * np.trace(pull)
        if self._effects is not None:
            gradient[f + 2] = -0.5 * now.effects * (pull * self._effects).sum()
        away = (logarithms - self._prior_mean) / self._prior_deviation
        value = 0.5 * self._y @ weights + np.log(np.diag(factor)).sum() + 0.5 * away @ away
        return float(value), gradient + away / self._prior_deviation
