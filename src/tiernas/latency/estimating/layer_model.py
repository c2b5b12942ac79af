"""The model of a latency table: the latency of a layer from its work and from measurements of similar layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tiernas.blocks import Block, BlockRows
from tiernas.blocks.rows import FloatArray, IntArray
from tiernas.latency.estimating.deviation import DEVIATIONS, Deviation, Scales
from tiernas.latency.estimating.equations import Equations
from tiernas.latency.estimating.trend import Trend, fit_trend
from tiernas.unique_rows import unique_rows

_FOLDS = 5
_CHUNK = 512
"""Number of layers predicted at once, so that their work and covariances stay in the cache."""
_REMEMBERED = 2**18
"""Number of distinct layers of a block that are cached: enough for any built-in space."""


@dataclass(frozen=True, slots=True)
class LayerModel:
    """Latency of layers: a trend in their work, corrected by the measured deviations of similar layers.

    Attributes:
        trend: The trend.
        deviation: The correction; None if measurements are too noisy to learn one.
        factor: Factor of all predictions.
    """

    trend: Trend
    deviation: Deviation | None
    factor: float = 1.0

    def predict(self, rows: BlockRows) -> FloatArray:
        """Latencies in ms (`m`) of layers of one block."""
        latency_ms = np.empty(len(rows))
        for begin in range(0, len(rows), _CHUNK):
            chunk = slice(begin, begin + _CHUNK)
            latency_ms[chunk] = self._predict(rows.subset(chunk))
        return latency_ms

    def _predict(self, rows: BlockRows) -> FloatArray:
        trend_ms = self.factor * self.trend.predict(rows)
        return trend_ms if self.deviation is None else trend_ms * np.exp(self.deviation.mean(rows))


class PredictedLayers:
    """Cached predictions of the layers of one block, so that layers of many networks are predicted only once.

    Args:
        model: The model.
        block: The block.
    """

    def __init__(self, model: LayerModel, block: type[Block]) -> None:
        self._model = model
        self._block = block
        self._values: IntArray = np.empty((0, len(block.columns())), dtype=np.int64)
        self._latency_ms = np.empty(0)

    def latency_ms(self, values: Sequence[IntArray]) -> FloatArray:
        """Latencies in ms (`m`) of layers.

        Args:
            values: Their rows as in `BlockRows`, in several matrices.
        """
        known = len(self._values)
        rows, index = unique_rows(_stacked([self._values, *values]))
        latency_ms, new = np.empty(len(rows)), np.ones(len(rows), dtype=bool)
        latency_ms[index[:known]] = self._latency_ms
        new[index[:known]] = False
        latency_ms[new] = self._model.predict(BlockRows(self._block, rows[new]))
        if len(rows) <= _REMEMBERED:
            self._values, self._latency_ms = rows, latency_ms
        return latency_ms[index[known:]]


def _stacked(matrices: Sequence[IntArray]) -> IntArray:
    """All rows, with columns contiguous in memory."""
    columns = np.empty((matrices[0].shape[1], sum(map(len, matrices))), dtype=np.int64)
    return np.concatenate([matrix.T for matrix in matrices], axis=1, out=columns).T


def fit_layers(equations: Equations) -> tuple[LayerModel, FloatArray]:
    """Fits the model; cross-validation on whole networks decides how much is learned from single layers.

    Returns:
        The model, and the latency in ms (`n`) of each network, estimated by a model that had not seen it: the networks
        are held out in 5 folds.
    """
    held_out_ms = np.empty((len(DEVIATIONS), len(equations.whole_ms)))
    index = np.arange(held_out_ms.shape[1])
    for fold in range(_FOLDS):
        held = index % _FOLDS == fold
        known, test = equations.subset(index[~held]), equations.subset(index[held])
        trend = fit_trend(known)
        for row, scales in enumerate(DEVIATIONS):
            layer_ms = test.layers.each(_fit(known, trend, scales).predict)
            held_out_ms[row, held] = np.bincount(test.network, layer_ms, minlength=len(test.whole_ms))
    best = int(np.argmin(np.abs(held_out_ms / equations.whole_ms - 1) @ equations.weight))
    return _fit(equations, fit_trend(equations), DEVIATIONS[best]), held_out_ms[best]


def _fit(equations: Equations, trend: Trend, scales: Scales | None) -> LayerModel:
    deviation = None if scales is None else Deviation(equations, trend, scales)
    model = LayerModel(trend, deviation)
    whole_ms = np.bincount(equations.network, equations.layers.each(model.predict))
    # Load and cold caches only ever add time to a layer, so a robust fit of layers underestimates the sum.
    return replace(model, factor=float(np.median(equations.whole_ms / whole_ms)))
