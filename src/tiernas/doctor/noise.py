"""How noisy a machine is for networks, in terms of the differences that it can resolve."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tiernas.engines import TurnRule
from tiernas.engines.clock.level import Level
from tiernas.engines.clock.ratio import FloatArray, Pairs, Ratio, estimate_ratio
from tiernas.engines.measurement import WIDE

_STARTS = 5
"""Number of moments in the trace at which the measurement of a table's network is simulated to start."""


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise of a machine, measured with two interleaved copies of one network.

    Attributes:
        network_ms: Undisturbed latency of the network.
        observed_s: How long the copies were interleaved.
        copies_differ: Relative difference of the copies, which differ only in their placement in memory.
        table_difference: Smallest relative difference of two networks that a table can resolve; None if the time of a
            table's measurement is too short to resolve any.
        long_difference: The same after `observed_s`.
        slowdown: Latency as found, over the undisturbed one.
        quiet_share: Share of the pairs that are quiet.
        networks: Number of networks of a table.
        network_s: Time for one network of a table, including all steps and repeated measurements.
        table_s: Time for a whole table.
    """

    network_ms: float
    observed_s: float
    copies_differ: float
    table_difference: float | None
    long_difference: float | None
    slowdown: float
    quiet_share: float
    networks: int
    network_s: float
    table_s: float

    @property
    def sentences(self) -> tuple[str, ...]:
        """The meaning of the figures, in words."""
        return (
            f"{_unresolved(self.table_difference)} in a table, "
            f"{_unresolved(self.long_difference)} in one measurement of {self.observed_s:.0f} s",
            f"the machine was quiet {100 * self.quiet_share:.0f} % of the time; "
            f"as found, a network takes {self.slowdown:.2f} times as long as undisturbed",
            f"a table of {self.networks} networks takes about {_duration(self.table_s)}",
        )

    def to_dict(self) -> dict[str, Any]:
        """The figures, serializable as JSON."""
        return asdict(self)


def noise_of(pairs: Pairs, level: Level, rule: TurnRule, *, prepare_s: float, networks: int) -> Noise:
    """The noise according to a trace of two copies of one network.

    Two networks can be distinguished if the intervals of their ratios to the anchor do not overlap, that is, if they
    differ by the width of one. Differences below that of the copies cannot be resolved either.

    Args:
        pairs: Turns of the second copy, each between two turns of the first; at least two.
        level: Latency of the first copy.
        rule: How long a network of a table is measured.
        prepare_s: Time for exporting, compiling and profiling a network.
        networks: Number of networks of a table.
    """
    whole = estimate_ratio(pairs, level.undisturbed_ms, rule.block_s)
    copies_differ = abs(math.log(whole.ratio))
    ends_s = _ends_s(pairs)
    found = [_as_in_a_table(pairs, ends_s, start_s, level, rule) for start_s in _starts_s(ends_s, rule)]
    network_s = float(np.mean([(prepare_s + seconds) * _times(ratio) for seconds, ratio in found]))
    return Noise(
        network_ms=level.undisturbed_ms,
        observed_s=float(ends_s[-1]),
        copies_differ=copies_differ,
        table_difference=_resolved(float(np.median([ratio.width for _, ratio in found])), copies_differ),
        long_difference=_resolved(whole.width, copies_differ),
        slowdown=level.found_ms / level.undisturbed_ms,
        quiet_share=whole.quiet_pairs / whole.pairs,
        networks=networks,
        network_s=network_s,
        table_s=network_s * networks,
    )


def _unresolved(difference: float | None) -> str:
    if difference is None:
        return "no difference can be resolved"
    return f"differences below {100 * difference:.2g} % cannot be resolved"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def _resolved(width: float, copies_differ: float) -> float | None:
    return max(width, copies_differ) if math.isfinite(width) else None


def _times(ratio: Ratio) -> int:
    """How often `build_table` measures a network with this ratio."""
    return 2 if ratio.width > WIDE else 1


def _starts_s(ends_s: FloatArray, rule: TurnRule) -> list[float]:
    return sorted({float(start_s) for start_s in np.linspace(0.0, max(0.0, ends_s[-1] - rule.limit_s), _STARTS)})


def _as_in_a_table(
    pairs: Pairs, ends_s: FloatArray, start_s: float, level: Level, rule: TurnRule
) -> tuple[float, Ratio]:
    """How long a network would have been measured from a moment on, and its ratio then or at the end of the trace."""
    begin = int(np.searchsorted(pairs.at_s, start_s))
    most = len(ends_s) - begin
    count = min(rule.next_look(0), most)
    while True:
        seconds = float(ends_s[begin + count - 1] - pairs.at_s[begin])
        ratio = estimate_ratio(_part(pairs, slice(begin, begin + count)), level.undisturbed_ms, rule.block_s)
        if rule.is_over(ratio, seconds):
            return seconds, ratio
        if count == most:
            return max(seconds, rule.limit_s), ratio
        count = min(rule.next_look(count), most)


def _part(pairs: Pairs, which: slice) -> Pairs:
    return Pairs(pairs.at_s[which], pairs.network_ms[which], pairs.before_ms[which], pairs.after_ms[which])


def _ends_s(pairs: Pairs) -> FloatArray:
    """When each pair ended: when the next one began; the last one is assumed to have typical length."""
    return np.append(pairs.at_s[1:], pairs.at_s[-1] + np.median(np.diff(pairs.at_s)))
