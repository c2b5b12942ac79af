"""Latency tables with a known truth, without measuring: layers cost their work, networks are sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle

import numpy as np
import numpy.typing as npt

from tiernas.blocks import BlockRows, LayerRows
from tiernas.blocks.bottleneck import Bottleneck
from tiernas.blocks.rows import FloatArray
from tiernas.engines import Fingerprint, InTurn, Measurement
from tiernas.latency import Header, LatencyTable, Observation, Record
from tiernas.latency.measuring.ladder import rungs_of
from tiernas.spaces import Architecture, SearchSpace, get_space

SPACE = get_space("gpunet-small")
"""The space of the synthetic tables."""

FINGERPRINT = Fingerprint("AMD EPYC 7763", "openvino", "2026.4.1", "fp32", 1, 1, ("avx2",))
"""Fingerprint of a device that no test runs on."""

HEADER = Header("gpunet-small", 10, 0, FINGERPRINT, "0.1.0", SPACE.digest)
"""Header of a synthetic table."""


def true_layer_ms(architecture: Architecture, *, bend: float = 0.0) -> npt.NDArray[np.float64]:
    """1e-8 ms per multiply-accumulate, 1e-7 ms per element of input and output or moved, and 5 us per layer.

    Args:
        architecture: The network.
        bend: How far fused and plain IRBs deviate, up and down with their output channels, which no trend in the work
            of a layer can express; 0.3 is up to about 30 %.
    """
    layers = LayerRows.of(architecture.layers)
    macs, moved = layers.each(BlockRows.macs), layers.each(_moved)
    bottlenecks = np.array([isinstance(layer, Bottleneck) for layer in architecture.layers])
    channels = np.array([layer.out_shape[0] for layer in architecture.layers])
    deviation = bend * bottlenecks * np.sin(1.5 * np.log2(channels))
    return np.asarray((macs * 1e-8 + moved * 1e-7 + 5e-3) * np.exp(deviation))


def _moved(rows: BlockRows) -> FloatArray:
    columns = [column for column, kind in enumerate(rows.block.work_kinds) if kind in ("input", "output", "moved")]
    moved: FloatArray = rows.work()[:, columns].sum(axis=1)
    return moved


def measurement(latency_ms: float, *, unstable: bool = False) -> Measurement:
    """A measurement with this median."""
    return Measurement(latency_ms, latency_ms, latency_ms, latency_ms, latency_ms, latency_ms, 0.0, 100, 0, unstable)


def records(
    n: int, *, noise: float = 0.0, bend: float = 0.0, seed: int = 0, space: SearchSpace = SPACE
) -> list[Record]:
    """`n` measured networks whose totals and layers deviate by `noise`; the profile also by 10 % as a whole."""
    rng = np.random.default_rng(seed)
    found = []
    for row in space.sample(n, seed):
        layer_ms = true_layer_ms(space.decode(row), bend=bend)
        profiled = 0.9 * layer_ms * np.exp(noise * rng.standard_normal(len(layer_ms)))
        whole_ms = float(layer_ms.sum() * np.exp(noise * rng.standard_normal()))
        observation = Observation("0" * 16, measurement(whole_ms), tuple(float(ms) for ms in profiled))
        found.append(Record(tuple(int(v) for v in row), observation))
    return found


def wholes(measured: Sequence[Record]) -> list[Record]:
    """The same networks measured as wholes alone, as by an engine without a profile."""
    return [replace(record, observation=replace(record.observation, layer_ms=())) for record in measured]


def shaken(measured: Sequence[Record], noise: float, seed: int = 0) -> list[Record]:
    """Networks that took longer or shorter as a whole, with all their layers, as next to a noisy neighbor."""
    factors = np.exp(noise * np.random.default_rng(seed).standard_normal(len(measured)))
    return [times(record, float(factor)) for record, factor in zip(measured, factors, strict=True)]


def times(record: Record, factor: float) -> Record:
    """A network that took this many times as long, total and layers."""
    found = record.observation
    longer = replace(found.measurement, latency_ms=factor * found.measurement.latency_ms)
    layer_ms = tuple(factor * ms for ms in found.layer_ms)
    return replace(record, observation=replace(found, measurement=longer, layer_ms=layer_ms))


def synthetic_table(n: int = 16) -> LatencyTable:
    """A table of `n` networks without noise."""
    return LatencyTable(HEADER, records(n))


def in_turn(
    ratio: float, anchor_ms: float, *, anchor: str = "anchor", loud: float = 1.0, half_width: float = 0.01
) -> Measurement:
    """A measurement in turn with an anchor.

    Args:
        ratio: The network's latency over the anchor's.
        anchor_ms: The anchor's undisturbed latency.
        anchor: Its name.
        loud: The factor by which everything was slower at the time.
        half_width: Half the width of the interval of the ratio, as a fraction of it.
    """
    low, high = ratio / (1 + half_width), ratio * (1 + half_width)
    seen_ms = loud * anchor_ms
    found = InTurn(
        anchor=anchor,
        ratio=ratio,
        ratio_low=low,
        ratio_high=high,
        ratio_found=ratio,
        pairs=100,
        quiet_pairs=100 if loud < 1.1 else 0,
        anchor_ms=seen_ms,
        anchor_low_ms=seen_ms,
        anchor_high_ms=seen_ms,
        anchor_found_ms=seen_ms,
        anchor_quiet_ms=seen_ms,
        measured_at="2026-11-30T06:00:00+00:00",
    )
    return replace(
        measurement(ratio * seen_ms),
        low_ms=low * seen_ms,
        high_ms=high * seen_ms,
        unstable=found.is_wide,
        found_ms=ratio * seen_ms,
        in_turn=found,
    )


def records_in_turn(
    n: int, *, noise: float = 0.0, louds: Sequence[float] = (1.0,), seed: int = 0, space: SearchSpace = SPACE
) -> list[Record]:
    """`n` networks measured in turn, as in `build_table`: first the rungs of the space's ladder, then others.

    Args:
        n: The number of networks.
        noise: Standard deviation of the logarithms of the ratios and of the layers.
        louds: The factors by which everything was slower during each measurement, repeated.
        seed: Seed of the noise and of the networks.
        space: Their space.
    """
    rng = np.random.default_rng(seed)
    rungs = rungs_of(space)
    names = [f"rung {number}" for number in range(len(rungs))]
    rungs_ms = np.array([true_layer_ms(rung.architecture).sum() for rung in rungs])
    plan = [(rung.vector, name, abs(number - 1)) for number, (rung, name) in enumerate(zip(rungs, names, strict=True))]
    others = [tuple(int(v) for v in row) for row in space.sample(n, seed)]
    found = []
    for (vector, graph, number), loud in zip([*plan, *((v, "other", None) for v in others)], cycle(louds)):
        layer_ms = true_layer_ms(space.decode(vector))
        rung = int(np.argmin(np.abs(np.log(rungs_ms / layer_ms.sum())))) if number is None else number
        ratio = float(layer_ms.sum() / rungs_ms[rung] * np.exp(noise * rng.standard_normal()))
        whole = in_turn(ratio, float(rungs_ms[rung]), anchor=names[rung], loud=loud, half_width=max(0.005, 2 * noise))
        profiled = loud * layer_ms * np.exp(noise * rng.standard_normal(len(layer_ms)))
        found.append(Record(vector, Observation(graph, whole, tuple(float(ms) for ms in profiled))))
    return found[:n]
