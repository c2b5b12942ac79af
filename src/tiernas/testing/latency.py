"""Latency tables with a known truth, without measuring: layers cost their work, networks are sums."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tiernas.engines import Fingerprint, Measurement
from tiernas.latency import Header, LatencyTable, Observation, Record
from tiernas.latency.features import work
from tiernas.spaces import Architecture, get_space

SPACE = get_space("gpunet-small")
"""The space of the synthetic tables."""

FINGERPRINT = Fingerprint("AMD EPYC 7763", "openvino", "2026.4.1", "fp32", 1, 1, ("avx2",))
"""Of a device that no test runs on."""

HEADER = Header("gpunet-small", 10, 0, FINGERPRINT, "0.1.0")
"""Of a synthetic table."""


def true_layer_ms(architecture: Architecture) -> npt.NDArray[np.float64]:
    """1e-8 ms per multiply-accumulate, 1e-7 ms per element of input and output, and 5 us per layer."""
    counted = work(np.array([layer.to_row() for layer in architecture.layers]))
    macs, moved = counted[:, :5].sum(axis=1), counted[:, 6] + counted[:, 9]
    return np.asarray(macs * 1e-8 + moved * 1e-7 + 5e-3)


def measurement(latency_ms: float, *, unstable: bool = False) -> Measurement:
    """A measurement with that median."""
    return Measurement(latency_ms, latency_ms, latency_ms, latency_ms, latency_ms, latency_ms, 0.0, 100, 0, unstable)


def records(n: int, *, noise: float = 0.0, seed: int = 0) -> list[Record]:
    """`n` measured networks whose wholes and layers are off by `noise`; the profile also by 10 % as a whole."""
    rng = np.random.default_rng(seed)
    found = []
    for row in SPACE.sample(n, seed):
        layer_ms = true_layer_ms(SPACE.decode(row))
        profiled = 0.9 * layer_ms * np.exp(noise * rng.standard_normal(len(layer_ms)))
        whole_ms = float(layer_ms.sum() * np.exp(noise * rng.standard_normal()))
        observation = Observation("0" * 16, measurement(whole_ms), tuple(float(ms) for ms in profiled))
        found.append(Record(tuple(int(v) for v in row), observation))
    return found


def synthetic_table(n: int = 16) -> LatencyTable:
    """A table of `n` networks without noise."""
    return LatencyTable(HEADER, records(n))
