"""The covariance of what is observed at two rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tiernas.search.lattice import FloatArray

_ROOT_5 = 5.0**0.5


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Of a Gaussian process on standardised observations.

    Attributes:
        length_scales: One for each of the `f` features.
        signal: Variance of the function, without its main effects.
        noise: Variance of an observation around it.
        effects: Variance of the main effects together, on average over rows drawn at random; 0 without them.
    """

    length_scales: FloatArray
    signal: float
    noise: float
    effects: float = 0.0


def matern(distance: FloatArray) -> FloatArray:
    """Matern-5/2 correlation at scaled distances: `(1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r)`."""
    scaled: FloatArray = _ROOT_5 * distance
    correlation = 1.0 + scaled
    correlation += scaled * scaled / 3.0
    np.negative(scaled, out=scaled)
    correlation *= np.exp(scaled, out=scaled)
    return correlation


def matern_slope(distance: FloatArray) -> FloatArray:
    """What the correlation grows by when the squared scaled distance shrinks: `5/6 (1 + sqrt(5) r) exp(-sqrt(5) r)`."""
    scaled = _ROOT_5 * distance
    slope: FloatArray = 5.0 / 6.0 * (1.0 + scaled) * np.exp(-scaled)
    return slope


def distances(A: FloatArray, B: FloatArray) -> FloatArray:
    """Euclidean distances (`n x m`) of scaled features, `n x f` and `m x f`."""
    squared: FloatArray = (A * A).sum(axis=1)[:, None] + (B * B).sum(axis=1)
    squared -= 2.0 * (A @ B.T)
    np.maximum(squared, 0.0, out=squared)
    return np.sqrt(squared, out=squared)


def main_effects(Z: FloatArray) -> FloatArray:
    """What the main effects are linear in (`n x 2f`): the first two Legendre polynomials of each of `n x f` features.

    They are orthonormal on [0, 1], where features lie, and divided so that all together have variance 1 there: a slope
    and a curvature for each feature, whatever the others are.
    """
    effects = np.concatenate([np.sqrt(3.0) * (2.0 * Z - 1.0), np.sqrt(5.0) * (6.0 * Z * (Z - 1.0) + 1.0)], axis=1)
    scaled: FloatArray = effects / np.sqrt(effects.shape[1])
    return scaled


def covariance(Z: FloatArray, other: FloatArray, hyperparameters: Hyperparameters) -> FloatArray:
    """Covariance (`n x m`) of the function at features `n x f` and `m x f`, without noise."""
    scales = hyperparameters.length_scales
    K = hyperparameters.signal * matern(distances(Z / scales, other / scales))
    if hyperparameters.effects:
        K += hyperparameters.effects * main_effects(Z) @ main_effects(other).T
    return K


def variance(Z: FloatArray, hyperparameters: Hyperparameters) -> FloatArray:
    """Variance (`n`) of the function at `n x f` features, before anything is observed and without noise."""
    if not hyperparameters.effects:
        return np.full(len(Z), hyperparameters.signal)
    spread: FloatArray = hyperparameters.signal + hyperparameters.effects * (main_effects(Z) ** 2).sum(axis=1)
    return spread
