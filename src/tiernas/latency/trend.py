"""The first part of the model of a layer: its work of each kind times a coefficient that is not negative."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from tiernas.latency.features import work
from tiernas.latency.observations import LEAST_MS, Observations
from tiernas.spaces.layer import BLOCKS, IntArray

FloatArray = npt.NDArray[np.float64]

_WHOLE_WEIGHT = 3.0
"""Weight of a network's equation against that of one layer: the measured whole is surer than its profiled parts."""
_REWEIGHTINGS = 3
"""Rounds in which equations with large residuals lose weight."""
_HUBER = 1.5
"""Residuals beyond this many medians of the absolute residuals lose weight."""


def fit_trend(observed: Observations) -> FloatArray:
    """Non-negative least squares of relative errors, of layers and of whole networks together, robust to outliers.

    Returns:
        `5 x 17`: for each of `BLOCKS` the coefficients of `tiernas.latency.features.WORK` (ms per
        multiply-accumulate, per element moved, ...) and, last, the cost of a layer as such.
    """
    design = _design(observed.rows)
    whole = np.zeros((len(observed.whole_ms), design.shape[1]))
    np.add.at(whole, observed.network, design)
    scale = np.where(design.max(axis=0) > 0, design.max(axis=0), 1.0)
    equations = np.concatenate(
        [design / scale / observed.layer_ms[:, None], whole / scale / observed.whole_ms[:, None]]
    )
    first = np.concatenate([observed.weight[observed.network], _WHOLE_WEIGHT * observed.weight])
    num_layers = len(observed.rows)
    weight = first
    for round_ in range(1 + _REWEIGHTINGS):
        orthogonal, triangular = np.linalg.qr(equations * weight[:, None])  # the same problem, of 85 equations
        solution, _ = nnls(triangular, weight @ orthogonal, maxiter=100 * design.shape[1])
        if round_ < _REWEIGHTINGS:
            residual = np.abs(equations @ solution - 1)
            weight = first * np.concatenate([_huber(residual[:num_layers]), _huber(residual[num_layers:])])
    coefficients: FloatArray = (solution / scale).reshape(len(BLOCKS), -1)
    return coefficients


def _huber(residual: FloatArray) -> FloatArray:
    """Square roots of Huber's weights, as they multiply both sides of an equation."""
    limit = _HUBER * max(float(np.median(residual)), 1e-9)
    return np.sqrt(np.minimum(1.0, limit / np.maximum(residual, limit)))


def _design(rows: IntArray) -> FloatArray:
    """`m x 85`: the work of each row, in the columns of its kind of block, and 1 for the layer as such."""
    counted = _counted(rows)
    design = np.zeros((len(rows), len(BLOCKS), counted.shape[1]))
    design[np.arange(len(rows)), rows[:, 0]] = counted
    return design.reshape(len(rows), -1)


def predict_trend(coefficients: FloatArray, rows: IntArray) -> FloatArray:
    """Latencies in ms (`m`) of layer rows (`m x 10`) by coefficients of `fit_trend`."""
    latency_ms: FloatArray = np.einsum("mk,mk->m", _counted(rows), coefficients[rows[:, 0]])
    return np.maximum(latency_ms, LEAST_MS)


def _counted(rows: IntArray) -> FloatArray:
    return np.concatenate([work(rows), np.ones((len(rows), 1))], axis=1)
