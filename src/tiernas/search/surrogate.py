"""A Gaussian process that predicts what will be observed."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular

from tiernas.search.acquisition import log_expected_improvement
from tiernas.search.hyperparameters import JITTER, fit
from tiernas.search.kernel import Hyperparameters, Inputs, covariance, variance
from tiernas.search.lattice import BoolArray, FloatArray, IntArray

_BLOCK = 64
"""Beliefs are kept for multiples of this many pending rows."""

_LEAST_VARIANCE = 1e-10
"""Of the standardized function: keeps rounding from making a variance negative."""


@dataclass(frozen=True, slots=True)
class Standardization:
    """How observations are standardized, whatever the size of their differences.

    Attributes:
        unit: The power of two above the spread of the observations, in which squares of differences neither vanish nor
            overflow and nothing is rounded; 1 where all are equal.
        mean: Of the observations, in this unit.
        deviation: Standard deviation of the observations, in this unit; 1 where all are equal.
    """

    unit: float
    mean: float
    deviation: float

    @classmethod
    def of(cls, y: FloatArray) -> Standardization:
        """The standardization of `n` observations."""
        spread = float(np.ptp(y))
        if spread == 0:
            return cls(1.0, float(y.mean()), 1.0)
        unit = math.ldexp(1.0, math.frexp(spread)[1])
        at = y / unit
        return cls(unit, float(at.mean()), float(at.std()))

    def apply(self, y: FloatArray) -> FloatArray:
        """Standardizes observations."""
        return (y / self.unit - self.mean) / self.deviation

    def restore(self, standardised: FloatArray) -> FloatArray:
        """Converts standardized values back to observations."""
        return (standardised * self.deviation + self.mean) * self.unit


def fit_hyperparameters(Z: FloatArray, y: FloatArray, *, effects: bool = False) -> Hyperparameters:
    """Fits to `n x f` features and `n` observations in their own unit; otherwise like `hyperparameters.fit`."""
    return fit(Z, Standardization.of(y).apply(y), effects=effects)


@dataclass(frozen=True, slots=True)
class Projection:
    """What a surrogate knows of `m` rows.

    Attributes:
        inputs: The rows as the kernel sees them.
        mean: `m` posterior means, standardized.
        whitened: `n x m`; the product of two columns is the covariance explained by the observations.
        variance: `m` posterior variances, without noise, standardized.
    """

    inputs: Inputs
    mean: FloatArray
    whitened: FloatArray
    variance: FloatArray

    def part(self, rows: IntArray | BoolArray) -> Projection:
        """Some of the rows, by index or mask."""
        return Projection(self.inputs.part(rows), self.mean[rows], self.whitened[:, rows], self.variance[rows])


class Surrogate:
    """Gaussian process with a Matern-5/2 kernel and one length scale per feature, with or without main effects.

    `k(z, z') = s (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r) + e phi(z) . phi(z')`, on standardized observations, with
    noise; `r^2 = sum_i (z_i - z'_i)^2 / l_i^2`, and `phi` is the slope and curvature of each feature alone
    (`kernel.main_effects`). Much of a network's accuracy comes from one choice at a time. Some tens of observations
    show that, while the Matern kernel alone could still explain them in any way.

    Written directly on LAPACK: a proposal may take some tens of milliseconds on one thread, and what is computed for
    one is kept for the next.

    Args:
        Z: `n x f` features, `n >= 1`.
        y: `n` observations.
        hyperparameters: Fitted to the same observations by default, without main effects; requires `n >= 2` then.
        feasible: An `n` mask of the rows that count for the best; all by default, and if none is feasible.
    """

    def __init__(
        self,
        Z: FloatArray,
        y: FloatArray,
        hyperparameters: Hyperparameters | None = None,
        feasible: BoolArray | None = None,
    ) -> None:
        self.scale = Standardization.of(y)
        standardised = self.scale.apply(y)
        self._hyperparameters = hyperparameters or fit(Z, standardised)
        self._observed = Inputs.of(Z, self._hyperparameters)
        K = covariance(self._observed, self._observed, self._hyperparameters)
        noise = self._hyperparameters.noise + JITTER
        K[np.diag_indices(len(K))] += noise
        self._factor = cholesky(K, lower=True, overwrite_a=True, check_finite=False)
        self._weights = cho_solve((self._factor, True), standardised, check_finite=False)
        self._kept: tuple[bytes, Beliefs] | None = None
        mean = standardised - noise * self._weights  # K w without the noise on its diagonal
        self.best = float((mean if feasible is None or not feasible.any() else mean[feasible]).max())
        """The highest posterior mean of a feasible observed row, standardized; without noise."""

    def predict(self, Z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Returns the `m` posterior means and standard deviations, without noise, at `m x f` features."""
        at = self.project(Z)
        return self.scale.restore(at.mean), np.sqrt(at.variance) * (self.scale.deviation * self.scale.unit)

    def draw(self, Z: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Draws one function from the posterior and returns its `m` values at `m x f` features."""
        at = self.project(Z)
        if not len(Z):
            return at.mean
        root = _root(self.posterior_covariance(at, at))
        return self.scale.restore(at.mean + root @ rng.standard_normal(len(Z)))

    def project(self, Z: FloatArray) -> Projection:
        """The posterior at each of `m x f` features."""
        inputs = Inputs.of(Z, self._hyperparameters)
        # transposed: the memory order that LAPACK solves in place
        shared = covariance(inputs, self._observed, self._hyperparameters).T
        mean: FloatArray = shared.T @ self._weights
        whitened = solve_triangular(self._factor, shared, lower=True, overwrite_b=True, check_finite=False)
        left = variance(inputs, self._hyperparameters) - np.einsum("nm,nm->m", whitened, whitened)
        return Projection(inputs, mean, whitened, np.maximum(left, _LEAST_VARIANCE))

    def believe(self, Z: FloatArray, feasible: BoolArray | None = None) -> Surrogate | Beliefs:
        """The surrogate once pending rows have returned its prediction.

        Beliefs about all but the last rows are kept: with hundreds of them, most are the same as for the previous
        proposal. Beliefs can be used as long as the surrogate exists.

        Args:
            Z: `p x f` features of the rows.
            feasible: A `p` mask of those that count for the best, the same for equal features; all by default.
        """
        feasible = np.ones(len(Z), dtype=np.bool_) if feasible is None else feasible
        known: Surrogate | Beliefs = self
        kept = len(Z) - len(Z) % _BLOCK
        if kept:
            key = Z[:kept].tobytes()
            if self._kept is None or self._kept[0] != key:
                itself = weakref.proxy(self)  # a reference cycle would keep it in memory for long
                self._kept = key, Beliefs(itself, itself, Z[:kept], feasible[:kept])
            known = self._kept[1]
        return known if kept == len(Z) else Beliefs(self, known, Z[kept:], feasible[kept:])

    def see(self, at: Projection) -> Projection:
        """What is known about rows that the surrogate has projected: nothing more."""
        return at

    def promise(self, at: Projection, margin: float = 0.0) -> FloatArray:
        """Logarithm of the expected improvement over `best + margin`, standardized, of each of `m` rows."""
        return log_expected_improvement(at.mean, at.variance, self.best + margin)

    def posterior_covariance(self, a: Projection, b: Projection) -> FloatArray:
        """Covariance (`m x k`) of the function at rows explained by the same observations."""
        K = covariance(a.inputs, b.inputs, self._hyperparameters)
        K -= a.whitened.T @ b.whitened
        return K

    @property
    def noise(self) -> float:
        """Variance of an observation around the function, standardized."""
        return self._hyperparameters.noise


class Beliefs:
    """A surrogate that treats its predictions of pending rows as observed.

    Their means do not change, nor do any others; the variance around them shrinks. So workers that ask at the same time
    get different rows, and none waits for another. The "Kriging believer" of D. Ginsbourger, R. Le Riche, L. Carraro:
    Kriging is well-suited to parallelize optimization. 2010.

    Args:
        surrogate: The surrogate of the observations.
        before: The beliefs so far.
        Z: `p x f` features of further pending rows, `p >= 1`.
        feasible: A `p` mask of those that count for the best.
    """

    def __init__(self, surrogate: Surrogate, before: Surrogate | Beliefs, Z: FloatArray, feasible: BoolArray) -> None:
        self._surrogate, self._before = surrogate, before
        self._pending = before.see(surrogate.project(Z))
        self.best: float = max(before.best, float(self._pending.mean[feasible].max(initial=-np.inf)))
        """The highest posterior mean of a feasible row, observed or pending, standardized."""
        K = surrogate.posterior_covariance(self._pending, self._pending)
        self._factor = _root(K + surrogate.noise * np.eye(len(K)))

    def see(self, at: Projection) -> Projection:
        """What is known about `m` rows that the surrogate has projected."""
        at = self._before.see(at)
        shared = self._surrogate.posterior_covariance(at, self._pending).T
        explained = solve_triangular(self._factor, shared, lower=True, overwrite_b=True, check_finite=False)
        variance = np.maximum(at.variance - np.einsum("pm,pm->m", explained, explained), _LEAST_VARIANCE)
        return Projection(at.inputs, at.mean, np.concatenate([at.whitened, explained]), variance)

    def promise(self, at: Projection, margin: float = 0.0) -> FloatArray:
        """Like `Surrogate.promise`, for rows as the surrogate projected them."""
        seen = self.see(at)
        return log_expected_improvement(seen.mean, seen.variance, self.best + margin)


def _root(K: FloatArray) -> FloatArray:
    """Lower Cholesky factor of a covariance that rounding may have made indefinite."""
    jitter = JITTER
    while True:
        try:
            return cholesky(K + jitter * np.eye(len(K)), lower=True, check_finite=False)  # type: ignore[no-any-return]
        except LinAlgError:
            jitter *= 10.0
