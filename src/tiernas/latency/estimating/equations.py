"""Measured networks as equations: their total, and the time of each layer if the engine has a profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tiernas.blocks import Block, LayerRows
from tiernas.blocks.rows import FloatArray, IntArray
from tiernas.engines import Measurement
from tiernas.latency.estimating.scale import log_deviation
from tiernas.latency.estimating.table_file import Record
from tiernas.spaces import SearchSpace
from tiernas.unique_rows import unique_rows

_UNSTABLE_WEIGHT = 0.3
"""Weight of the equations of a network whose measurement was unstable, if it was measured alone."""
_USUAL = 0.015
"""Even on a quiet machine, the total of a network differs by this share from its profile, and from the fit."""
_UNUSUAL = 3.0
"""A disagreement of more than this many typical ones is a disturbance."""
_NORMAL = 1.4826
"""Standard deviation over median absolute deviation, for a normal distribution."""
LEAST_MS = 1e-4
"""Lower bound of the latency of a layer."""


@dataclass(frozen=True, slots=True)
class Equations:
    """Measured networks as equations.

    Attributes:
        layers: The layers (`m`) of all networks, network by network.
        network: `m` indices of networks.
        layer_ms: `m` latencies of layers, scaled so that those of a network add up to `whole_ms`; None if a network was
            measured as a whole alone.
        whole_ms: `n` latencies of networks, with disturbances removed.
        weight: `n` weights of networks, 0 to 1.
        measured_ms: `n` latencies of networks as measured.
    """

    layers: LayerRows
    network: IntArray
    layer_ms: FloatArray | None
    whole_ms: FloatArray
    weight: FloatArray
    measured_ms: FloatArray

    def distinct_layers(self) -> dict[Block, int]:
        """The distinct layers, and the number of networks that contain each; block by block."""
        found: dict[Block, int] = {}
        for rows, places in self.layers.parts:
            distinct, index = unique_rows(rows.values)
            pairs, _ = unique_rows(np.stack([index, self.network[places]], axis=1))
            times = np.bincount(pairs[:, 0], minlength=len(distinct))
            found |= zip(replace(rows, values=distinct).layers(), times.tolist(), strict=True)
        return found

    def subset(self, networks: IntArray) -> Equations:
        """The equations of some networks, renumbered in the given order."""
        renumbered = np.full(len(self.whole_ms), -1)
        renumbered[networks] = np.arange(len(networks))
        kept = renumbered[self.network] >= 0
        return Equations(
            self.layers.subset(kept),
            renumbered[self.network[kept]],
            None if self.layer_ms is None else self.layer_ms[kept],
            self.whole_ms[networks],
            self.weight[networks],
            self.measured_ms[networks],
        )


def equations_of(space: SearchSpace, records: Sequence[Record]) -> Equations:
    """The equations of measured networks.

    A network is measured twice: end to end and by its profile; the layers are scaled to the end-to-end latency. An
    engine without a profile measures it end to end alone. A latency that was measured interleaved with an anchor is
    trusted and weighted by the interval of its ratio. For measurements of earlier versions, see `_cleaned`.

    Raises:
        UsageError: A network is not in the space, or its numbers of layers and of layer times differ.
    """
    layers: list[Block] = []
    network: list[int] = []
    layer_ms: list[float] = []
    for index, record in enumerate(records):
        found = record.layers(space)
        layers += found
        network += [index] * len(found)
        layer_ms += record.observation.layer_ms
    indices = np.array(network, dtype=np.int64)
    measured = [record.observation.measurement for record in records]
    measured_ms = np.array([m.latency_ms for m in measured])
    whole_ms, weight = measured_ms.copy(), np.array([_certainty(m) for m in measured])
    if not all(record.observation.layer_ms for record in records):
        return Equations(LayerRows.of(layers), indices, None, whole_ms, weight, measured_ms)
    profiled_ms = np.bincount(indices, layer_ms)
    alone = np.array([m.in_turn is None for m in measured])
    if alone.any():
        whole_ms[alone], disagreement = _cleaned(measured_ms[alone], profiled_ms[alone])
        weight[alone] /= 1 + disagreement**2
    return Equations(
        LayerRows.of(layers),
        indices,
        np.maximum(np.array(layer_ms) * (whole_ms / profiled_ms)[indices], LEAST_MS),
        whole_ms,
        weight,
        measured_ms,
    )


def _certainty(measurement: Measurement) -> float:
    """The weight of a network: the variance that a fit leaves unexplained, over that plus the measurement's."""
    if measurement.in_turn is None:
        return _UNSTABLE_WEIGHT if measurement.unstable else 1.0
    return 1 / (1 + (log_deviation(measurement.in_turn) / _USUAL) ** 2)


def _cleaned(measured_ms: FloatArray, profiled_ms: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Totals of networks that were measured alone, with obvious disturbances removed.

    The ratio of total to profile is nearly constant over a table. If they disagree unusually, one of them was
    disturbed, and a disturbance only adds time: a total that is too long is replaced by the value implied by the
    profile at the table's median ratio. The more the two disagree, the lower the network's weight.

    Returns:
        The totals (`n`) in ms, and the disagreement of total and profile (`n`) in multiples of an unusual one.
    """
    expected_ms = profiled_ms * np.median(measured_ms / profiled_ms)
    disagreement = np.log(measured_ms / expected_ms)
    usual = max(_USUAL, _NORMAL * float(np.median(np.abs(disagreement))))
    whole_ms = np.where(disagreement > _UNUSUAL * usual, expected_ms, measured_ms)
    return whole_ms, disagreement / (_UNUSUAL * usual)
