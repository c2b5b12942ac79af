"""The model behind a latency table: what a layer costs, from its work and from what was measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from tiernas.errors import UsageError
from tiernas.latency.features import work
from tiernas.latency.file import Record
from tiernas.latency.rows import unique_rows
from tiernas.spaces import SearchSpace
from tiernas.spaces.layer import BLOCKS, IntArray

FloatArray = npt.NDArray[np.float64]

_WHOLE_WEIGHT = 3.0
"""Weight of a network's equation against that of one layer: the measured whole is surer than its profiled parts."""
_UNSTABLE_WEIGHT = 0.3
"""Weight of the equations of a network whose measurement was unstable."""
_REWEIGHTINGS = 3
"""Rounds in which equations with large residuals lose weight."""
_HUBER = 1.5
"""Residuals beyond this many medians of the absolute residuals lose weight."""
_SHRINKAGES = (np.inf, 8.0, 2.0, 0.5)
"""How many networks' worth the prediction counts against measurements of the very layer; inf: measurements don't."""
_FOLDS = 5
_LEAST_MS = 1e-4
"""No layer takes less."""


@dataclass(frozen=True, slots=True)
class Observations:
    """Measured networks as equations.

    Attributes:
        rows: `m x 10` layer rows of all networks, one after the other.
        network: `m` indices of networks.
        layer_ms: `m` latencies of layers, scaled so that those of a network add up to its measured latency.
        whole_ms: `n` measured latencies.
        weight: `n` weights of networks.
    """

    rows: IntArray
    network: npt.NDArray[np.int64]
    layer_ms: FloatArray
    whole_ms: FloatArray
    weight: FloatArray

    def subset(self, networks: npt.NDArray[np.int64]) -> Observations:
        """The observations of some networks, renumbered in the order given."""
        renumbered = np.full(len(self.whole_ms), -1)
        renumbered[networks] = np.arange(len(networks))
        kept = renumbered[self.network] >= 0
        return Observations(
            self.rows[kept],
            renumbered[self.network[kept]],
            self.layer_ms[kept],
            self.whole_ms[networks],
            self.weight[networks],
        )


@dataclass(frozen=True, slots=True)
class LayerModel:
    """Latency of layers, as the work of each kind times a coefficient that is not negative.

    Each kind of block has its own coefficients (ms per multiply-accumulate, per element moved, ... and per layer).
    A layer that was measured itself is corrected towards its measurements.

    Attributes:
        coefficients: `5 x 17`: for each of `BLOCKS` the coefficients of `WORK` and, last, the cost of a layer as such.
        seen_rows: `u x 10` layer rows that were measured.
        seen_networks: `u` counts of the networks that had them.
        seen_factor: `u` factors of the predicted latency.
    """

    coefficients: FloatArray
    seen_rows: IntArray
    seen_networks: npt.NDArray[np.int64]
    seen_factor: FloatArray

    def predict(self, rows: IntArray) -> FloatArray:
        """Latencies in ms (`m`) of different layer rows (`m x 10`)."""
        return _predict(self.coefficients, rows) * self._of_seen(rows, self.seen_factor, 1.0)

    def times_seen(self, rows: IntArray) -> npt.NDArray[np.int64]:
        """In how many measured networks each layer row (`m x 10`) was seen (`m`)."""
        return self._of_seen(rows, self.seen_networks, 0).astype(np.int64)

    def _of_seen(self, rows: IntArray, values: npt.NDArray[np.generic], otherwise: float) -> FloatArray:
        distinct, index = unique_rows(np.concatenate([self.seen_rows, rows]))
        found = np.full(len(distinct), otherwise)
        found[index[: len(self.seen_rows)]] = values
        return found[index[len(self.seen_rows) :]]


def observations(space: SearchSpace, records: Sequence[Record]) -> Observations:
    """The equations of measured networks; profiled layer times are scaled to the measured whole.

    Raises:
        UsageError: A network is not in the space, or has another number of layers than of layer times.
    """
    rows, network, layer_ms = [], [], []
    for index, record in enumerate(records):
        layers = space.decode(record.vector).layers
        profiled = np.array(record.observation.layer_ms)
        if len(profiled) != len(layers):
            raise UsageError(
                f"latency table: network {list(record.vector)} has {len(layers)} layers but {len(profiled)} layer_ms; "
                "delete its line, or build the table anew"
            )
        rows += [layer.to_row() for layer in layers]
        network += [index] * len(layers)
        layer_ms.append(profiled * (record.observation.measurement.latency_ms / profiled.sum()))
    measured = [record.observation.measurement for record in records]
    return Observations(
        np.array(rows, dtype=np.int64),
        np.array(network, dtype=np.int64),
        np.maximum(np.concatenate(layer_ms), _LEAST_MS),
        np.array([m.latency_ms for m in measured]),
        np.array([_UNSTABLE_WEIGHT if m.unstable else 1.0 for m in measured]),
    )


def fit_layers(observed: Observations) -> tuple[LayerModel, FloatArray]:
    """Fits the model; how far measured layers are used as measured is decided by cross-validation.

    Returns:
        The model, and estimated over measured latency (`n`) of each network by a model that had not seen it: the
        networks are held out in 5 folds.
    """
    ratios = np.empty((len(_SHRINKAGES), len(observed.whole_ms)))
    index = np.arange(ratios.shape[1])
    for fold in range(_FOLDS):
        held = index % _FOLDS == fold
        known, test = observed.subset(index[~held]), observed.subset(index[held])
        coefficients = _fit_coefficients(known)
        for row, shrinkage in enumerate(_SHRINKAGES):
            layer_ms = _correct(coefficients, known, shrinkage).predict(test.rows)
            whole_ms = np.bincount(test.network, layer_ms, minlength=len(test.whole_ms))
            ratios[row, held] = whole_ms / test.whole_ms
    best = int(np.argmin(np.abs(ratios - 1).mean(axis=1)))
    # Load and cold caches only ever add time to a layer, so a robust fit of layers falls short in the sum.
    shortfall = float(np.median(ratios[best]))
    fitted = _correct(_fit_coefficients(observed), observed, _SHRINKAGES[best])
    return replace(fitted, coefficients=fitted.coefficients / shortfall), ratios[best] / shortfall


def _correct(coefficients: FloatArray, observed: Observations, shrinkage: float) -> LayerModel:
    """The model that uses each measured layer as measured, the more so the more networks had it."""
    distinct, index = unique_rows(observed.rows)
    pairs, _ = unique_rows(np.stack([index, observed.network], axis=1))
    networks = np.bincount(pairs[:, 0], minlength=len(distinct))
    residual = np.log(observed.layer_ms / _predict(coefficients, observed.rows))
    weight = observed.weight[observed.network]
    mean = np.bincount(index, weight * residual) / np.bincount(index, weight)
    trust = networks / (networks + shrinkage)
    return LayerModel(coefficients, distinct, networks, np.exp(trust * mean))


def _fit_coefficients(observed: Observations) -> FloatArray:
    """Non-negative least squares of relative errors, of layers and of whole networks together, robust to outliers."""
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


def _predict(coefficients: FloatArray, rows: IntArray) -> FloatArray:
    latency_ms: FloatArray = np.einsum("mk,mk->m", _counted(rows), coefficients[rows[:, 0]])
    return np.maximum(latency_ms, _LEAST_MS)


def _counted(rows: IntArray) -> FloatArray:
    return np.concatenate([work(rows), np.ones((len(rows), 1))], axis=1)
