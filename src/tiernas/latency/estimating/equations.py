"""Measured networks as equations: what each layer took, and what they took together."""

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
"""Weight of the equations of a network that was measured alone, if the measurement was unstable."""
_USUAL = 0.015
"""Whole and profile of a network disagree by at least this share on a quiet machine, and so do whole and fit."""
_UNUSUAL = 3.0
"""A disagreement beyond so many usual ones is a disturbance."""
_NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
LEAST_MS = 1e-4
"""No layer takes less."""


@dataclass(frozen=True, slots=True)
class Equations:
    """Measured networks as equations.

    Attributes:
        layers: The layers (`m`) of all networks, one after the other.
        network: `m` indices of networks.
        layer_ms: `m` latencies of layers, scaled so that those of a network add up to `whole_ms`.
        whole_ms: `n` latencies of networks.
        weight: `n` weights of networks, 0 to 1.
        measured_ms: `n` latencies as measured: those of `whole_ms`, but where a disturbance was taken out of it.
    """

    layers: LayerRows
    network: IntArray
    layer_ms: FloatArray
    whole_ms: FloatArray
    weight: FloatArray
    measured_ms: FloatArray

    def distinct_layers(self) -> dict[Block, int]:
        """The different layers, and in how many networks each is; block by block."""
        found: dict[Block, int] = {}
        for rows, places in self.layers.parts:
            distinct, index = unique_rows(rows.values)
            pairs, _ = unique_rows(np.stack([index, self.network[places]], axis=1))
            times = np.bincount(pairs[:, 0], minlength=len(distinct))
            found |= zip(replace(rows, values=distinct).layers(), times.tolist(), strict=True)
        return found

    def subset(self, networks: IntArray) -> Equations:
        """The equations of some networks, renumbered in the order given."""
        renumbered = np.full(len(self.whole_ms), -1)
        renumbered[networks] = np.arange(len(networks))
        kept = renumbered[self.network] >= 0
        return Equations(
            self.layers.subset(kept),
            renumbered[self.network[kept]],
            self.layer_ms[kept],
            self.whole_ms[networks],
            self.weight[networks],
            self.measured_ms[networks],
        )


def equations_of(space: SearchSpace, records: Sequence[Record]) -> Equations:
    """The equations of measured networks.

    A network is measured twice: whole, and profiled; the layers are scaled to the whole. Wholes that were measured in
    turn with an anchor are relied on, and weigh by the interval of their ratio. Of others, of earlier versions, see
    `_cleaned`.

    Raises:
        UsageError: A network is not in the space, or has another number of layers than of layer times.
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
    profiled_ms = np.bincount(indices, layer_ms)
    whole_ms, weight = measured_ms.copy(), np.array([_certainty(m) for m in measured])
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
    """The weight of a network by its whole: what a fit leaves unexplained anyhow, over that and the measurement's."""
    if measurement.in_turn is None:
        return _UNSTABLE_WEIGHT if measurement.unstable else 1.0
    return 1 / (1 + (log_deviation(measurement.in_turn) / _USUAL) ** 2)


def _cleaned(measured_ms: FloatArray, profiled_ms: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Wholes of networks that were measured alone, without what surely was a disturbance.

    Over a table whole and profile keep a nearly constant ratio. Where they disagree unusually, one was disturbed, and a
    disturbance only ever adds time: a whole that is too long is replaced by what the profile says at the table's median
    ratio. The more the two disagree, the less the network weighs.

    Returns:
        The wholes (`n`) in ms, and by how many unusual disagreements whole and profile disagree (`n`).
    """
    expected_ms = profiled_ms * np.median(measured_ms / profiled_ms)
    disagreement = np.log(measured_ms / expected_ms)
    usual = max(_USUAL, _NORMAL * float(np.median(np.abs(disagreement))))
    whole_ms = np.where(disagreement > _UNUSUAL * usual, expected_ms, measured_ms)
    return whole_ms, disagreement / (_UNUSUAL * usual)
