"""The covariance of the observations at two rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tiernas.search.lattice import BoolArray, FloatArray, IntArray

_ROOT_5 = 5.0**0.5


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Hyperparameters of a Gaussian process on standardized observations.

    Attributes:
        length_scales: One for each of the `f` features.
        signal: Variance of the function, without its main effects.
        noise: Variance of an observation around it.
        effects: Total variance of the main effects, on average over randomly drawn rows; 0 without them.
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
    """Growth of the correlation as the squared scaled distance shrinks: `5/6 (1 + sqrt(5) r) exp(-sqrt(5) r)`."""
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
    """The basis of the main effects (`n x 2f`): the first two Legendre polynomials of each of `n x f` features.

    They are orthonormal on [0, 1], where features lie, and scaled to a total variance of 1 there: a slope and a
    curvature for each feature, independent of the other features.
    """
    effects = np.concatenate([np.sqrt(3.0) * (2.0 * Z - 1.0), np.sqrt(5.0) * (6.0 * Z * (Z - 1.0) + 1.0)], axis=1)
    scaled: FloatArray = effects / np.sqrt(effects.shape[1])
    return scaled


@dataclass(frozen=True, slots=True)
class Inputs:
    """Rows as the kernel sees them: what depends on each row alone, computed once.

    Attributes:
        scaled: `n x f` features divided by their length scales.
        effects: `n x 2f` basis of their main effects; None without main effects.
    """

    scaled: FloatArray
    effects: FloatArray | None

    @classmethod
    def of(cls, Z: FloatArray, hyperparameters: Hyperparameters) -> Inputs:
        """The inputs of `n x f` features."""
        return cls(Z / hyperparameters.length_scales, main_effects(Z) if hyperparameters.effects else None)

    def __len__(self) -> int:
        return len(self.scaled)

    def part(self, rows: IntArray | BoolArray) -> Inputs:
        """Some of the rows, by index or mask."""
        return Inputs(self.scaled[rows], None if self.effects is None else self.effects[rows])


def covariance(a: Inputs, b: Inputs, hyperparameters: Hyperparameters) -> FloatArray:
    """Covariance (`n x m`) of the function at `n` and `m` rows, without noise."""
    K = matern(distances(a.scaled, b.scaled))
    K *= hyperparameters.signal
    if a.effects is not None and b.effects is not None:
        K += hyperparameters.effects * a.effects @ b.effects.T
    return K


def variance(at: Inputs, hyperparameters: Hyperparameters) -> FloatArray:
    """Variance (`n`) of the function at `n` rows, before anything is observed and without noise."""
    if at.effects is None:
        return np.full(len(at), hyperparameters.signal)
    spread: FloatArray = hyperparameters.signal + hyperparameters.effects * (at.effects**2).sum(axis=1)
    return spread
