"""Continuous test functions on a fine lattice, negated so that larger is better, with the optimum on the lattice.

Definitions and domains: S. Surjanovic, D. Bingham: Virtual library of simulation experiments, www.sfu.ca/~ssurjano.
"""

from dataclasses import dataclass

import numpy as np

from tiernas.search.lattice import BoolArray, FloatArray, IntArray

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Function:
    """Common to all functions: every row is feasible and takes an hour.

    Attributes:
        dim: Number of dimensions.
    """

    dim: int

    @property
    def categorical(self) -> tuple[bool, ...]:
        """All dimensions are ordered."""
        return (False,) * self.dim

    def feasible(self, rows: IntArray) -> BoolArray:
        """All of the `n` rows."""
        return np.ones(len(rows), dtype=np.bool_)

    def duration_s(self, rows: IntArray) -> FloatArray:
        """An hour for each of the `n` rows."""
        return np.full(len(rows), _HOUR_S)


@dataclass(frozen=True, slots=True)
class Ackley(_Function):
    """Ackley's function on [-5, 10], 100 levels in each dimension: level 33 is 0, where the value is 0, the largest.

    `-f(x) = 20 exp(-0.2 sqrt(mean(x^2))) + exp(mean(cos(2 pi x))) - 20 - e`
    """

    @property
    def levels(self) -> tuple[int, ...]:
        """100 for each dimension: a step of 15 / 99."""
        return (100,) * self.dim

    def value(self, rows: IntArray) -> FloatArray:
        """The `n` values, at most 0."""
        x = (rows - 33) * (15 / 99)
        peak = 20.0 * np.exp(-0.2 * np.sqrt(np.mean(x**2, axis=1)))
        ripple = np.exp(np.mean(np.cos(2 * np.pi * x), axis=1))
        values: FloatArray = peak + ripple - 20.0 - np.e
        return values


@dataclass(frozen=True, slots=True)
class Levy(_Function):
    """Levy's function on [-10, 10], 101 levels in each dimension: level 55 is 1, where the value is 0, the largest.

    With `w = 1 + (x - 1) / 4`, `-f(x) = -sin^2(pi w_1) - sum_i<d (w_i - 1)^2 (1 + 10 sin^2(pi w_i + 1)) - (w_d - 1)^2
    (1 + sin^2(2 pi w_d))`.
    """

    @property
    def levels(self) -> tuple[int, ...]:
        """101 for each dimension: a step of 0.2."""
        return (101,) * self.dim

    def value(self, rows: IntArray) -> FloatArray:
        """The `n` values, at most 0."""
        offset = (rows - 55) * (0.2 / 4)
        w = 1.0 + offset
        first = np.sin(np.pi * w[:, 0]) ** 2
        middle = np.sum(offset[:, :-1] ** 2 * (1.0 + 10.0 * np.sin(np.pi * w[:, :-1] + 1.0) ** 2), axis=1)
        last = offset[:, -1] ** 2 * (1.0 + np.sin(2 * np.pi * w[:, -1]) ** 2)
        values: FloatArray = -(first + middle + last)
        return values
