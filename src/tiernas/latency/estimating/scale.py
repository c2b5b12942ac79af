"""The undisturbed latencies of a table's anchors, from all measurements that were interleaved with them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tiernas.engines import InTurn, Measurement
from tiernas.engines.clock.level import UNDISTURBED, undisturbed_of, upper_rank
from tiernas.latency.measuring.observation import Observation

FloatArray = npt.NDArray[np.float64]

_LEAST_TIE = 0.003
"""Minimum standard deviation of the logarithm of a tie, because placement in memory differs."""

_LEVEL = 0.1
"""Standard deviation of the logarithm of an anchor's own latency, which weighs it against the ties.

On a machine with neighbors, latencies of anchors in the quiet moments of an hour differ by this much; so they matter
only if there is no tie, or a poor one."""

_CLEAR = 0.05
"""The machine was quiet at times if the interval of the scale is at most this wide."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Undisturbed latencies of anchors, consistent with each other.

    Their common uncertainty is a single factor.

    Attributes:
        anchors_ms: Latencies in ms by the anchors' names.
        low: Lower end of the 95 % interval of the factor, about 1.
        high: Upper end of that interval.
        as_found: Slowdown of the anchors as found, compared with undisturbed: the median over the measurements.
    """

    anchors_ms: Mapping[str, float]
    low: float
    high: float
    as_found: float

    @property
    def is_quiet(self) -> bool:
        """Whether there were quiet moments that agree; otherwise the machine may be able to do better."""
        return self.high - self.low <= _CLEAR

    @property
    def words(self) -> str:
        """The precision of the scale, in words."""
        known = f"the scale is known within {100 * max(1 - self.low, self.high - 1):.2g} %"
        if self.is_quiet:
            return f"the machine was quiet at times: {known}"
        return f"the machine was never quiet: {known}; ratios and ranking of networks remain valid"


def find_scale(observations: Iterable[Observation]) -> Scale | None:
    """The scale of all interleaved measurements on one device; None if there are none.

    First come the sizes of the anchors relative to each other: the weighted least-squares solution of their ties, the
    ratios of anchors that were interleaved with other anchors. Then one factor for all of them: a low quantile of the
    anchor latencies in the quiet moments of all measurements, each divided by the anchor's size. The latency of an
    anchor without quiet moments thus follows from its ties. The interval of the factor is that of the quantile
    (`tiernas.engines.clock.Level`); its lower end is the quietest measurement.
    """
    in_turn = [(o.graph, o.measurement.in_turn) for o in observations if o.measurement.in_turn]
    if not in_turn:
        return None
    sizes = _sizes(in_turn)
    levels = np.sort([math.log(found.anchor_quiet_ms) - sizes[found.anchor] for _, found in in_turn])
    level = float(np.quantile(levels, UNDISTURBED))
    anchors_ms = {name: math.exp(size + level) for name, size in sizes.items()}
    return Scale(
        anchors_ms,
        low=math.exp(levels[0] - level),
        high=math.exp(levels[upper_rank(len(levels)) - 1] - level),
        as_found=float(np.median([found.anchor_found_ms / anchors_ms[found.anchor] for _, found in in_turn])),
    )


def _sizes(in_turn: Sequence[tuple[str, InTurn]]) -> dict[str, float]:
    """Logarithms of the anchors' latencies, up to a common constant.

    Args:
        in_turn: The network's graph and the result of each measurement.
    """
    names = sorted({found.anchor for _, found in in_turn})
    one = dict(zip(names, np.eye(len(names)), strict=True))
    equations, values = [], []
    for name in names:
        seen_ms = np.array([found.anchor_quiet_ms for _, found in in_turn if found.anchor == name])
        equations.append(one[name] / _LEVEL)
        values.append(math.log(undisturbed_of(seen_ms)) / _LEVEL)
    for graph, found in in_turn:
        if graph in one and graph != found.anchor:
            deviation = max(_LEAST_TIE, log_deviation(found))
            equations.append((one[graph] - one[found.anchor]) / deviation)
            values.append(math.log(found.ratio) / deviation)
    solution, *_ = np.linalg.lstsq(np.array(equations), np.array(values), rcond=None)
    return dict(zip(names, map(float, solution), strict=True))


def log_deviation(found: InTurn) -> float:
    """Approximate standard deviation of the logarithm of a ratio: a quarter of its 95 % interval."""
    return (math.log(found.ratio_high) - math.log(found.ratio_low)) / 4


def on_scale(measurement: Measurement, anchors_ms: Mapping[str, float]) -> Measurement:
    """The measurement with its latency on the scale; unchanged if it was not interleaved with one of these anchors."""
    found = measurement.in_turn
    if found is None or found.anchor not in anchors_ms:
        return measurement
    anchor_ms = anchors_ms[found.anchor]
    return replace(
        measurement,
        latency_ms=found.ratio * anchor_ms,
        low_ms=found.ratio_low * anchor_ms,
        high_ms=found.ratio_high * anchor_ms,
        in_turn=replace(found, anchor_ms=anchor_ms),
    )
