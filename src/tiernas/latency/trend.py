"""The first part of the model of a layer: its work of each kind times a coefficient that is not negative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from tiernas.blocks import Block, BlockRows, LayerRows
from tiernas.blocks.rows import FloatArray
from tiernas.latency.observations import LEAST_MS, Observations

_WHOLE_WEIGHT = 3.0
"""Weight of a network's equation against that of one layer: the measured whole is surer than its profiled parts."""
_REWEIGHTINGS = 3
"""Rounds in which equations with large residuals lose weight."""
_HUBER = 1.5
"""Residuals beyond this many medians of the absolute residuals lose weight."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What the work of layers costs.

    Attributes:
        coefficients: Of each block, for each of its kinds of work (ms per multiply-accumulate, per element moved, ...)
            and, last, for a layer as such.
    """

    coefficients: Mapping[type[Block], FloatArray]

    def predict(self, rows: BlockRows) -> FloatArray:
        """Latencies in ms (`m`) of layers of one block; the least of one that is in no network of a fold."""
        if rows.block not in self.coefficients:
            return np.full(len(rows), LEAST_MS)
        latency_ms: FloatArray = np.einsum("mk,k->m", _counted(rows), self.coefficients[rows.block])
        return np.maximum(latency_ms, LEAST_MS)


def fit_trend(observed: Observations) -> Trend:
    """Non-negative least squares of relative errors, of layers and of whole networks together, robust to outliers."""
    design, columns = _design(observed.layers)
    whole = np.zeros((len(observed.whole_ms), design.shape[1]))
    np.add.at(whole, observed.network, design)
    scale = np.where(design.max(axis=0) > 0, design.max(axis=0), 1.0)
    equations = np.concatenate(
        [design / scale / observed.layer_ms[:, None], whole / scale / observed.whole_ms[:, None]]
    )
    first = np.concatenate([observed.weight[observed.network], _WHOLE_WEIGHT * observed.weight])
    num_layers = len(observed.layers)
    weight = first
    for round_ in range(1 + _REWEIGHTINGS):
        orthogonal, triangular = np.linalg.qr(equations * weight[:, None])  # the same problem, of fewer equations
        solution, _ = nnls(triangular, weight @ orthogonal, maxiter=100 * design.shape[1])
        if round_ < _REWEIGHTINGS:
            residual = np.abs(equations @ solution - 1)
            weight = first * np.concatenate([_huber(residual[:num_layers]), _huber(residual[num_layers:])])
    coefficients = solution / scale
    return Trend({block: coefficients[part] for block, part in columns.items()})


def _huber(residual: FloatArray) -> FloatArray:
    """Square roots of Huber's weights, as they multiply both sides of an equation."""
    limit = _HUBER * max(float(np.median(residual)), 1e-9)
    return np.sqrt(np.minimum(1.0, limit / np.maximum(residual, limit)))


def _design(layers: LayerRows) -> tuple[FloatArray, dict[type[Block], slice]]:
    """The work of each layer in columns of its block (`m x k`), and which columns belong to which block."""
    counted = [_counted(rows) for rows, _ in layers.parts]
    design = np.zeros((len(layers), sum(each.shape[1] for each in counted)))
    columns, begin = {}, 0
    for (rows, places), each in zip(layers.parts, counted, strict=True):
        columns[rows.block] = slice(begin, begin + each.shape[1])
        design[places, columns[rows.block]] = each
        begin += each.shape[1]
    return design, columns


def _counted(rows: BlockRows) -> FloatArray:
    """The work of layers of one block, and 1 for the layer as such (`m x (k + 1)`)."""
    return np.concatenate([rows.work(), np.ones((len(rows), 1))], axis=1)
