"""The second part of the layer model: transfers the deviations of measured layers from the trend to similar layers.

A Gaussian process for each kind of block, on the logarithm of measured over expected latency (Rasmussen and Williams,
Gaussian Processes for Machine Learning, 2006, chapter 2), given the times of layers or, from an engine without a
profile, those of whole networks alone. Its scales are fixed; cross-validation on whole networks chooses one of
`DEVIATIONS`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tiernas.blocks import Block, BlockRows
from tiernas.blocks.rows import FloatArray
from tiernas.latency.estimating.equations import Equations
from tiernas.latency.estimating.trend import Trend
from tiernas.unique_rows import unique_rows

if TYPE_CHECKING:
    from sklearn.gaussian_process.kernels import Kernel

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
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel  # takes a second, which errors can avoid

        self._kernel = ConstantKernel(scales.amplitude**2) * (RBF(_LENGTH) + ConstantKernel(_OFFSET))
        if equations.layer_ms is None:
            self._learned = self._of_networks(equations, trend, scales)
        else:
            self._learned = self._of_layers(equations, equations.layer_ms, trend, scales)

    def mean(self, rows: BlockRows) -> FloatArray:
        """Expected logarithm (`m`) of true over expected latency of layers of one block."""
        learned = self._learned.get(rows.block)
        if learned is None:
            return np.zeros(len(rows))
        mean: FloatArray = learned.kernel(rows.likeness(), learned.likeness) @ learned.alpha
        return mean

    def _of_layers(
        self, equations: Equations, layer_ms: FloatArray, trend: Trend, scales: Scales
    ) -> dict[type[Block], _Learned]:
        """From the times of layers: one process for each block."""
        from sklearn.gaussian_process import GaussianProcessRegressor

        learned = {}
        for rows, places in equations.layers.parts:
            keys = np.concatenate([equations.network[places, None], rows.values], axis=1)
            distinct, index = unique_rows(keys)
            times = np.bincount(index)
            logs = np.log(layer_ms[places] / trend.predict(rows))
            residual = np.bincount(index, logs) / times
            variance = scales.noise**2 * (1 + 1 / times) / 2 / equations.weight[distinct[:, 0]]
            process = GaussianProcessRegressor(self._kernel, alpha=variance, optimizer=None)
            process.fit(replace(rows, values=distinct[:, 1:]).likeness(), residual)
            learned[rows.block] = _Learned(process.kernel_, process.X_train_, process.alpha_)
        return learned

    def _of_networks(self, equations: Equations, trend: Trend, scales: Scales) -> dict[type[Block], _Learned]:
        """From the times of whole networks: a network deviates by the mean of its layers, weighted by their times.

        That is what the logarithm of a sum is to first order. A weighted sum of Gaussian variables is Gaussian, so the
        processes of all blocks are conditioned on the networks exactly.
        """
        networks = len(equations.whole_ms)
        expected_ms = equations.layers.each(trend.predict)
        whole_ms = np.bincount(equations.network, expected_ms, minlength=networks)
        share = expected_ms / whole_ms[equations.network]
        covariance = np.diag(scales.noise**2 / equations.weight)
        of_block = {}
        for rows, places in equations.layers.parts:
            distinct, index = unique_rows(rows.values)
            shares = np.zeros((networks, len(distinct)))
            np.add.at(shares, (equations.network[places], index), share[places])
            likeness = replace(rows, values=distinct).likeness()
            covariance += shares @ self._kernel(likeness) @ shares.T
            of_block[rows.block] = likeness, shares
        alpha = np.linalg.solve(covariance, np.log(equations.whole_ms / whole_ms))
        return {
            block: _Learned(self._kernel, likeness, shares.T @ alpha) for block, (likeness, shares) in of_block.items()
        }


@dataclass(frozen=True, slots=True)
class _Learned:
    """What a process has learned about one block.

    Attributes:
        kernel: Its kernel.
        likeness: The layers (`n x d`) of the measured networks, as in `BlockRows.likeness`.
        alpha: The weight (`n`) of each in the mean (Rasmussen and Williams, eq. 2.25).
    """

    kernel: Kernel
    likeness: FloatArray
    alpha: FloatArray
