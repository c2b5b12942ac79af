"""Latency tables with a known truth, without measuring: layers cost their work, networks are sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tiernas.engines import Fingerprint, Measurement
from tiernas.latency import Header, LatencyTable, Observation, Record
from tiernas.latency.features import work
from tiernas.spaces import Architecture, SearchSpace, get_space
from tiernas.spaces.layer import LAYER_COLUMNS

SPACE = get_space("gpunet-small")
"""The space of the synthetic tables."""

FINGERPRINT = Fingerprint("AMD EPYC 7763", "openvino", "2026.4.1", "fp32", 1, 1, ("avx2",))
"""Of a device that no test runs on."""

HEADER = Header("gpunet-small", 10, 0, FINGERPRINT, "0.1.0", SPACE.digest)
"""Of a synthetic table."""


def true_layer_ms(architecture: Architecture, *, bend: float = 0.0) -> npt.NDArray[np.float64]:
    """1e-8 ms per multiply-accumulate, 1e-7 ms per element of input and output, and 5 us per layer.

    Args:
        architecture: The network.
        bend: How far fused and plain IRBs deviate, up and down with their output channels, which no trend in the work
            of a layer can express; 0.3 is up to 30 % or so.
    """
    rows = np.array([layer.to_row() for layer in architecture.layers])
    counted = work(rows)
    macs, moved = counted[:, :5].sum(axis=1), counted[:, 6] + counted[:, 9]
    bottlenecks = np.array([layer.block in ("irb", "fused_irb") for layer in architecture.layers])
    deviation = bend * bottlenecks * np.sin(1.5 * np.log2(rows[:, LAYER_COLUMNS.index("out_channels")]))
    return np.asarray((macs * 1e-8 + moved * 1e-7 + 5e-3) * np.exp(deviation))


def measurement(latency_ms: float, *, unstable: bool = False) -> Measurement:
    """A measurement with that median."""
    return Measurement(latency_ms, latency_ms, latency_ms, latency_ms, latency_ms, latency_ms, 0.0, 100, 0, unstable)


def records(
    n: int, *, noise: float = 0.0, bend: float = 0.0, seed: int = 0, space: SearchSpace = SPACE
) -> list[Record]:
    """`n` measured networks whose wholes and layers are off by `noise`; the profile also by 10 % as a whole."""
    rng = np.random.default_rng(seed)
    found = []
    for row in space.sample(n, seed):
        layer_ms = true_layer_ms(space.decode(row), bend=bend)
        profiled = 0.9 * layer_ms * np.exp(noise * rng.standard_normal(len(layer_ms)))
        whole_ms = float(layer_ms.sum() * np.exp(noise * rng.standard_normal()))
        observation = Observation("0" * 16, measurement(whole_ms), tuple(float(ms) for ms in profiled))
        found.append(Record(tuple(int(v) for v in row), observation))
    return found


def shaken(measured: Sequence[Record], noise: float, seed: int = 0) -> list[Record]:
    """Networks that took longer or shorter as a whole, with all their layers, as beside a neighbour."""
    factors = np.exp(noise * np.random.default_rng(seed).standard_normal(len(measured)))
    return [times(record, float(factor)) for record, factor in zip(measured, factors, strict=True)]


def times(record: Record, factor: float) -> Record:
    """A network that took so many times as long, whole and layers."""
    found = record.observation
    longer = replace(found.measurement, latency_ms=factor * found.measurement.latency_ms)
    layer_ms = tuple(factor * ms for ms in found.layer_ms)
    return replace(record, observation=replace(found, measurement=longer, layer_ms=layer_ms))


def synthetic_table(n: int = 16) -> LatencyTable:
    """A table of `n` networks without noise."""
    return LatencyTable(HEADER, records(n))
