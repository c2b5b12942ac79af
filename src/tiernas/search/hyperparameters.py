"""Length scales, signal, noise and main effects of the Gaussian process, fitted to what was observed."""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import OptimizeResult, minimize

from tiernas.search.kernel import Hyperparameters, distances, main_effects, matern, matern_slope
from tiernas.search.lattice import FloatArray

_ITERATIONS = 50
"""Of L-BFGS. Trials on tables of trained networks found no gain from more."""

_SCALE_MEAN = math.sqrt(2.0)
_SCALE_DEVIATION = math.sqrt(3.0)
"""Mean, but for `ln(f) / 2`, and standard deviation of the logarithm of a length scale, those of the source. A smaller
deviation predicts networks drawn at random better (benchmarks/search/length_scales.py), and yet the search with it
finds less (docs/search.md)."""

_SIGNAL_PRIOR = (math.log(0.5), 2.0)
_NOISE_PRIOR = (-4.0, 1.0)
"""Mean and standard deviation of the logarithm. Observations have variance 1: the signal takes about half of it or
more; repeated trainings differ by some tenths of a point where networks differ by points, so the noise takes about
2 %, between 0.2 and 13 % with a probability of 95 %."""

_EFFECTS_PRIOR = (math.log(0.02), 3.0)
"""Mean and standard deviation of the logarithm: few main effects, or many where the observations say so."""

_EFFECTS_EVIDENCE = 3.0
"""What main effects must add to the logarithm of the posterior density to be taken, `e^3 = 20` to one. Most searches of
the tables of networks never get there, those of test functions in 20 dimensions soon do (docs/search.md)."""

_BOUNDS = {"length_scale": (-6.0, 8.0), "signal": (-12.0, 4.0), "noise": (-12.0, 1.0), "effects": (-12.0, 4.0)}
"""Of the logarithms: far outside what the priors allow, so that no step of the fit overflows."""

JITTER = 1e-6
"""Added to the diagonal of covariances of observations; their variance is 1."""


def fit(Z: FloatArray, y: FloatArray, *, effects: bool = False) -> Hyperparameters:
    """The maximum a posteriori of the hyper-parameters.

    The length scales have the prior `l_i ~ LogNormal(sqrt(2) + ln(f) / 2, sqrt(3))`, which grows with the number of
    features `f`, so that many features do not make every row a stranger to every other: C. Hvarfner, E. O.
    Hellsten, L. Nardi: Vanilla Bayesian optimization performs great in high dimensions. ICML 2024, arXiv 2402.02229.
    The source maximises the density of the lengths, this the density of their logarithms: where the observations say
    nothing a length scale is `exp(sqrt(2)) sqrt(f)` here and a twentieth (`e^-3`) of that there. With few rows longer
    ones put networks into a better order and are too sure of it; from 300 rows on both do the same (docs/search.md).
    The gradient is exact (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, eq. 5.9); that of all
    length scales together costs one product of matrices, not one `n x n` matrix each.

    Args:
        Z: `n x f` features, `n >= 2`.
        y: `n` standardised observations.
        effects: Whether to add main effects where the observations are much more likely with them.

    Returns:
        The best found from a fixed start in a bounded number of steps; equal arguments give equal results.
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
    """Negative logarithm of the posterior of the logarithms of all hyper-parameters, and its gradient.

    Args:
        Z: `n x f` features.
        y: `n` standardised observations.
        effects: Whether the logarithms are those of `f` length scales, signal, noise and main effects, or without the
            last.
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
        """The hyper-parameters of which these are the logarithms."""
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
        if failed:  # cannot be told from an endless slope: the line search steps back
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
