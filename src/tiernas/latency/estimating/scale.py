"""What the anchors of a table take while nothing disturbs them, from all that was measured in turn with them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from tiernas.engines import InTurn, Measurement
from tiernas.latency.measuring.observation import Observation

FloatArray = npt.NDArray[np.float64]

_QUIET = 0.1
"""Quantile of all measurements, the anchors' sizes divided out, that tells the scale."""

_LEAST_TIE = 0.003
"""Standard deviation of the logarithm of a tie that no measurement is below: how a network lies in memory differs."""

_LEVEL = 0.1
"""Standard deviation of the logarithm of what an anchor was seen to take by itself, against the ties'.

In the quiet moments of one hour anchors are this far from each other on a machine with neighbours; so it decides only
where there is no tie, or a poor one."""

_ERROR = 0.025
"""How often at most the upper end of the scale's interval misses."""

_CLEAR = 0.05
"""The machine was quiet where the interval of the scale is at most so wide."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What anchors take undisturbed, consistent with each other.

    All that is uncertain about them together is one factor.

    Attributes:
        anchors_ms: Latencies in ms by the anchors' names.
        low: Lower end of the 95 % interval of the factor, about 1.
        high: Upper end of it.
        as_found: How many times as long the anchors took as found: the median over the measurements.
    """

    anchors_ms: Mapping[str, float]
    low: float
    high: float
    as_found: float

    @property
    def is_quiet(self) -> bool:
        """Whether quiet moments were found that agree: if not, the machine may be able to do better."""
        return self.high - self.low <= _CLEAR

    @property
    def words(self) -> str:
        """How well the scale is known, for people."""
        known = f"the scale is known within {100 * max(1 - self.low, self.high - 1):.2g} %"
        if self.is_quiet:
            return f"the machine was quiet at times: {known}"
        return f"the machine was never quiet: {known}; ratios and order of networks hold all the same"


def find_scale(observations: Iterable[Observation]) -> Scale | None:
    """The scale of all that was measured in turn on one device; None if nothing was.

    First the sizes of the anchors relative to each other: the weighted least-squares solution of their ties, that is of
    the ratios of anchors that were measured in turn with others. Then one factor for all of them: a low quantile over
    the quiet moments of all measurements, whichever their anchor, divided by its size. So an anchor that met loud
    moments only has its latency by its ties. The interval of the factor is that of the quantile
    (`tiernas.engines.clock.Level`): below, the quietest measurement.
    """
    in_turn = [(o.graph, o.measurement.in_turn) for o in observations if o.measurement.in_turn]
    if not in_turn:
        return None
    sizes = _sizes(in_turn)
    levels = np.sort([math.log(found.anchor_quiet_ms) - sizes[found.anchor] for _, found in in_turn])
    level = float(np.quantile(levels, _QUIET))
    rank = int(binom.ppf(1 - _ERROR, len(levels), _QUIET)) + 1
    anchors_ms = {name: math.exp(size + level) for name, size in sizes.items()}
    return Scale(
        anchors_ms,
        low=math.exp(levels[0] - level),
        high=math.exp(levels[min(rank, len(levels)) - 1] - level),
        as_found=float(np.median([found.anchor_found_ms / anchors_ms[found.anchor] for _, found in in_turn])),
    )


def _sizes(in_turn: Sequence[tuple[str, InTurn]]) -> dict[str, float]:
    """Logarithms of the anchors' latencies, up to what is common to them.

    Args:
        in_turn: Of each measurement the network's graph and what was found.
    """
    names = sorted({found.anchor for _, found in in_turn})
    one = dict(zip(names, np.eye(len(names)), strict=True))
    equations, values = [], []
    for name in names:
        seen_ms = [found.anchor_quiet_ms for _, found in in_turn if found.anchor == name]
        equations.append(one[name] / _LEVEL)
        values.append(math.log(np.quantile(seen_ms, _QUIET)) / _LEVEL)
    for graph, found in in_turn:
        if graph in one and graph != found.anchor:
            deviation = max(_LEAST_TIE, log_deviation(found))
            equations.append((one[graph] - one[found.anchor]) / deviation)
            values.append(math.log(found.ratio) / deviation)
    solution, *_ = np.linalg.lstsq(np.array(equations), np.array(values), rcond=None)
    return dict(zip(names, map(float, solution), strict=True))


def log_deviation(found: InTurn) -> float:
    """About the standard deviation of the logarithm of a ratio: a quarter of its 95 % interval."""
    return (math.log(found.ratio_high) - math.log(found.ratio_low)) / 4


def on_scale(measurement: Measurement, anchors_ms: Mapping[str, float]) -> Measurement:
    """A measurement with its latency by the scale; unchanged if it was not in turn with one of these anchors."""
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
