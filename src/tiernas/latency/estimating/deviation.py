"""The second part of the model of a layer: how far measured ones deviate from the trend, carried over to similar ones.

A Gaussian process for each kind of block, on the logarithm of measured over expected latency (Rasmussen and Williams,
Gaussian Processes for Machine Learning, 2006, chapter 2). Its scales are fixed; which of `DEVIATIONS` is used is
decided by cross-validation on whole networks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.spatial.distance import cdist

from tiernas.blocks import Block, BlockRows
from tiernas.blocks.rows import FloatArray
from tiernas.latency.estimating.equations import Equations
from tiernas.latency.estimating.trend import Trend
from tiernas.unique_rows import unique_rows

_LENGTH = 4.0
"""Length scale in the units of `tiernas.blocks.Block.likeness`: four doublings of a number of channels."""
_OFFSET = 0.3
"""Variance of what a kind of block deviates as a whole, as a share of the variance of the rest."""


@dataclass(frozen=True, slots=True)
class Scales:
    """How far layers deviate from the trend, and how noisy their measurements are, both relative."""

    amplitude: float
    noise: float


DEVIATIONS: tuple[Scales | None, ...] = (
    None,
    Scales(0.1, 0.1),
    Scales(0.3, 0.1),
    Scales(0.3, 0.03),
    Scales(0.3, 0.01),
)
"""What cross-validation chooses from; None: the trend alone, where layers are too noisy to learn more from."""


class Deviation:
    """Posterior of the deviation of layers, given measured networks.

    Args:
        equations: The measured networks.
        trend: The trend.
        scales: Scales of the Gaussian process.
    """

    def __init__(self, equations: Equations, trend: Trend, scales: Scales) -> None:
        self._scales = scales
        self._known: dict[type[Block], tuple[FloatArray, FloatArray]] = {}
        for rows, places in equations.layers.parts:
            keys = np.concatenate([equations.network[places, None], rows.values], axis=1)
            distinct, index = unique_rows(keys)
            times = np.bincount(index)
            logs = np.log(equations.layer_ms[places] / trend.predict(rows))
            residual = np.bincount(index, logs) / times
            variance = scales.noise**2 * (1 + 1 / times) / 2 / equations.weight[distinct[:, 0]]
            likeness = replace(rows, values=distinct[:, 1:]).likeness()
            covariance = self._covariance(likeness, likeness)
            covariance[np.diag_indices_from(covariance)] += variance
            factor = cholesky(covariance, lower=True, check_finite=False)
            self._known[rows.block] = likeness, cho_solve((factor, True), residual, check_finite=False)

    def mean(self, rows: BlockRows) -> FloatArray:
        """Expected logarithm (`m`) of true over expected latency of layers of one block."""
        if rows.block not in self._known:
            return np.zeros(len(rows))
        likeness, weights = self._known[rows.block]
        mean: FloatArray = self._covariance(rows.likeness(), likeness) @ weights
        return mean

    def _covariance(self, some: FloatArray, others: FloatArray) -> FloatArray:
        """Prior covariances (`m x n`) of the deviations of layers with these rows of likeness."""
        covariance: FloatArray = cdist(some / _LENGTH, others / _LENGTH, "sqeuclidean")
        covariance *= -0.5
        np.exp(covariance, out=covariance)
        covariance += _OFFSET
        covariance *= self._scales.amplitude**2
        return covariance
