"""The first part of the layer model: a linear combination of its work by kind with non-negative coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from tiernas.blocks import Block, BlockRows, LayerRows
from tiernas.blocks.rows import FloatArray
from tiernas.latency.estimating.equations import LEAST_MS, Equations

_WHOLE_WEIGHT = 3.0
"""Weight of a network's equation relative to that of a layer: the measured total is more precise than the profile."""
_REWEIGHTINGS = 3
"""Number of rounds in which equations with large residuals lose weight."""
_HUBER = 1.5
"""Residuals above this multiple of the median absolute residual lose weight."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The cost of the work of layers.

    Attributes:
        coefficients: For each block, one coefficient per kind of work (ms per multiply-accumulate, per element moved,
            ...) and, last, one per layer; without replaced kinds.
        replaced: For each block, the kinds that no measured layer has, which count as others (`Block.stand_ins`).
    """

    coefficients: Mapping[type[Block], FloatArray]
    replaced: Mapping[type[Block], frozenset[str]]

    def predict(self, rows: BlockRows) -> FloatArray:
        """Latencies in ms (`m`) of layers of one block; the minimum for a block that no network of a fold contains."""
        if rows.block not in self.coefficients:
            return np.full(len(rows), LEAST_MS)
        latency_ms: FloatArray = np.einsum(
            "mk,k->m", _counted(rows, self.replaced[rows.block]), self.coefficients[rows.block]
        )
        return np.maximum(latency_ms, LEAST_MS)


def fit_trend(equations: Equations) -> Trend:
    """Outlier-robust, non-negative least squares of the relative errors of layers and of whole networks together.

    Without the times of layers, those of whole networks alone.
    """
    replaced = {rows.block: _missing(rows) for rows, _ in equations.layers.parts}
    design, columns = _design(equations.layers, replaced)
    whole = np.zeros((len(equations.whole_ms), design.shape[1]))
    np.add.at(whole, equations.network, design)
    scale = np.where(design.max(axis=0) > 0, design.max(axis=0), 1.0)
    system = whole / scale / equations.whole_ms[:, None]
    first = _WHOLE_WEIGHT * equations.weight
    num_layers = 0
    if equations.layer_ms is not None:
        system = np.concatenate([design / scale / equations.layer_ms[:, None], system])
        first = np.concatenate([equations.weight[equations.network], first])
        num_layers = len(equations.layers)
    weight = first
    for round_ in range(1 + _REWEIGHTINGS):
        orthogonal, triangular = np.linalg.qr(system * weight[:, None])  # the same problem with fewer equations
        solution, _ = nnls(triangular, weight @ orthogonal, maxiter=100 * design.shape[1])
        if round_ < _REWEIGHTINGS:
            residual = np.abs(system @ solution - 1)
            parts = residual[:num_layers], residual[num_layers:]
            weight = first * np.concatenate([_huber(part) for part in parts if len(part)])
    coefficients = solution / scale
    return Trend({block: coefficients[part] for block, part in columns.items()}, replaced)


def _huber(residual: FloatArray) -> FloatArray:
    """Square roots of Huber's weights, by which both sides of an equation are multiplied."""
    limit = _HUBER * max(float(np.median(residual)), 1e-9)
    return np.sqrt(np.minimum(1.0, limit / np.maximum(residual, limit)))


def _design(
    layers: LayerRows, replaced: Mapping[type[Block], frozenset[str]]
) -> tuple[FloatArray, dict[type[Block], slice]]:
    """The work of each layer in the columns of its block (`m x k`), and the columns of each block."""
    counted = [_counted(rows, replaced[rows.block]) for rows, _ in layers.parts]
    design = np.zeros((len(layers), sum(each.shape[1] for each in counted)))
    columns, begin = {}, 0
    for (rows, places), each in zip(layers.parts, counted, strict=True):
        columns[rows.block] = slice(begin, begin + each.shape[1])
        design[places, columns[rows.block]] = each
        begin += each.shape[1]
    return design, columns


def _missing(rows: BlockRows) -> frozenset[str]:
    """Kinds of work that none of the layers has and that can count as another kind."""
    kinds, work = rows.block.work_kinds, rows.work()
    return frozenset(kind for kind in rows.block.stand_ins if not work[:, kinds.index(kind)].any())


def _counted(rows: BlockRows, replaced: frozenset[str]) -> FloatArray:
    """The work of layers of one block, and 1 for the layer as such (`m x (k + 1)`).

    Args:
        rows: The layers.
        replaced: Kinds that count as another kind.
    """
    kinds, work = rows.block.work_kinds, rows.work()
    for kind in replaced:
        work[:, kinds.index(rows.block.stand_ins[kind])] += work[:, kinds.index(kind)]
    kept = [column for column, kind in enumerate(kinds) if kind not in replaced]
    counted = np.ones((len(rows), len(kept) + 1))  # row-major, which affects the rounding of sums
    counted[:, :-1] = work[:, kept]
    return counted
