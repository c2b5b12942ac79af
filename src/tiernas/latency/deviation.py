"""The second part of the model of a layer: how far measured ones deviate from the trend, carried over to similar ones.

A Gaussian process for each kind of block, on the logarithm of measured over expected latency (Rasmussen and Williams,
Gaussian Processes for Machine Learning, 2006, chapter 2). Its scales are fixed; which of `DEVIATIONS` is used is
decided by cross-validation on whole networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from tiernas.latency.features import shape
from tiernas.latency.observations import Observations
from tiernas.latency.rows import unique_rows
from tiernas.latency.trend import predict_trend
from tiernas.spaces.layer import IntArray

FloatArray = npt.NDArray[np.float64]

_LENGTH = 4.0
"""Length scale in the units of `tiernas.latency.features.shape`: four doublings of a number of channels."""
_OFFSET = 0.3
"""Variance of what a kind of block deviates as a whole, as a share of the variance of the rest."""
_CHUNK = 4096
"""Rows predicted at once, which bounds memory."""


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
        observed: The measured networks.
        coefficients: The trend.
        scales: Scales of the Gaussian process.
    """

    def __init__(self, observed: Observations, coefficients: FloatArray, scales: Scales) -> None:
        keys = np.concatenate([observed.network[:, None], observed.rows], axis=1)
        distinct, index = unique_rows(keys)
        network, rows = distinct[:, 0], distinct[:, 1:]
        times = np.bincount(index)
        logs = np.log(observed.layer_ms / predict_trend(coefficients, observed.rows))
        residual = np.bincount(index, logs) / times
        variance = scales.noise**2 * (1 + 1 / times) / 2 / observed.weight[network]
        kernel = ConstantKernel(scales.amplitude**2) * (RBF(_LENGTH) + ConstantKernel(_OFFSET))
        self._processes = {}
        for block in np.unique(rows[:, 0]):
            of_block = rows[:, 0] == block
            process = GaussianProcessRegressor(kernel, alpha=variance[of_block], optimizer=None)
            self._processes[int(block)] = process.fit(shape(rows[of_block]), residual[of_block])

    def mean(self, rows: IntArray) -> FloatArray:
        """Expected logarithm (`m`) of true over expected latency of layer rows (`m x 10`)."""
        mean = np.zeros(len(rows))
        for block, process in self._processes.items():
            of_block = np.flatnonzero(rows[:, 0] == block)
            for begin in range(0, len(of_block), _CHUNK):
                chunk = of_block[begin : begin + _CHUNK]
                # as `process.predict`, without the checks that take ten times as long for a few rows
                mean[chunk] = process.kernel_(shape(rows[chunk]), process.X_train_) @ process.alpha_
        return mean
