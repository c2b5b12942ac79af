"""The second part of the layer model: transfers the deviations of measured layers from the trend to similar layers.

A Gaussian process for each kind of block, on the logarithm of measured over expected latency (Rasmussen and Williams,
Gaussian Processes for Machine Learning, 2006, chapter 2). Its scales are fixed; cross-validation on whole networks
chooses one of `DEVIATIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tiernas.blocks import BlockRows
from tiernas.blocks.rows import FloatArray
from tiernas.latency.estimating.equations import Equations
from tiernas.latency.estimating.trend import Trend
from tiernas.unique_rows import unique_rows

_LENGTH = 4.0
"""Length scale in the units of `tiernas.blocks.Block.likeness`: four doublings of a number of channels."""
_OFFSET = 0.3
"""Variance of the common deviation of a kind of block, relative to the variance of the rest."""


@dataclass(frozen=True, slots=True)
class Scales:
    """Standard deviations of layers from the trend and of the measurement noise, both relative."""

    amplitude: float
    noise: float


DEVIATIONS: tuple[Scales | None, ...] = (
    None,
    Scales(0.1, 0.1),
    Scales(0.3, 0.1),
    Scales(0.3, 0.03),
    Scales(0.3, 0.01),
)
"""Choices of cross-validation; None: the trend alone, if layers are too noisy to learn more from them."""


class Deviation:
    """Posterior of the deviation of layers given measured networks.

    Args:
        equations: The measured networks.
        trend: The trend.
        scales: Scales of the Gaussian process.
    """

    def __init__(self, equations: Equations, trend: Trend, scales: Scales) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor  # takes a second, which errors can avoid
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel

        kernel = ConstantKernel(scales.amplitude**2) * (RBF(_LENGTH) + ConstantKernel(_OFFSET))
        self._processes = {}
        for rows, places in equations.layers.parts:
            keys = np.concatenate([equations.network[places, None], rows.values], axis=1)
            distinct, index = unique_rows(keys)
            times = np.bincount(index)
            logs = np.log(equations.layer_ms[places] / trend.predict(rows))
            residual = np.bincount(index, logs) / times
            variance = scales.noise**2 * (1 + 1 / times) / 2 / equations.weight[distinct[:, 0]]
            process = GaussianProcessRegressor(kernel, alpha=variance, optimizer=None)
            self._processes[rows.block] = process.fit(replace(rows, values=distinct[:, 1:]).likeness(), residual)

    def mean(self, rows: BlockRows) -> FloatArray:
        """Expected logarithm (`m`) of true over expected latency of layers of one block."""
        process = self._processes.get(rows.block)
        if process is None:
            return np.zeros(len(rows))
        # like `process.predict`, without its checks, which take ten times as long for a few rows
        mean: FloatArray = process.kernel_(rows.likeness(), process.X_train_) @ process.alpha_
        return mean
