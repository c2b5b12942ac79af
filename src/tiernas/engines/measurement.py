"""The result of a measurement, and how it is read from a file."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from tiernas.errors import UsageError

if TYPE_CHECKING:
    from typing import TypeGuard

LEAST_MS, MOST_MS = 1e-6, 1e7
"""Plausible latency of an inference: from a nanosecond, the resolution of files, to almost three hours."""


WIDE = 0.03
"""A ratio whose interval is wider than this share of the ratio is marked."""


@dataclass(frozen=True)
class InTurn:
    """A network's latency as a multiple of that of an anchor, with which it was interleaved.

    Attributes:
        anchor: `graph_digest` of the anchor.
        ratio: The network's latency over the anchor's on the undisturbed machine.
        ratio_low: Lower end of the 95 % interval of the ratio, which is valid at any stopping time.
        ratio_high: Upper end of that interval.
        ratio_found: Median over all pairs, disturbed or not.
        pairs: Number of turns of the network, each between two turns of the anchor.
        quiet_pairs: Number of pairs whose anchor turns took at most 10 % longer than undisturbed.
        anchor_ms: The anchor's undisturbed latency, by which the ratio was multiplied.
        anchor_low_ms: Latency of the anchor in the quietest moment of the session.
        anchor_high_ms: Upper end of the 95 % interval of the anchor's undisturbed latency in the session.
        anchor_found_ms: Median of the anchor during this measurement.
        anchor_quiet_ms: Tenth percentile of the anchor during this measurement.
        measured_at: Time of the measurement, in UTC.
    """

    anchor: str
    ratio: float
    ratio_low: float
    ratio_high: float
    ratio_found: float
    pairs: int
    quiet_pairs: int
    anchor_ms: float
    anchor_low_ms: float
    anchor_high_ms: float
    anchor_found_ms: float
    anchor_quiet_ms: float
    measured_at: str

    @property
    def width(self) -> float:
        """Width of the interval relative to the ratio."""
        return relative_width(self.ratio, self.ratio_low, self.ratio_high)

    @property
    def is_wide(self) -> bool:
        """Whether the interval is so wide that the ratio is marked."""
        return self.width > WIDE

    @classmethod
    def from_dict(cls, data: object) -> InTurn:
        """Inverse of `dataclasses.asdict`; keys of later versions are ignored.

        Raises:
            UsageError: `data` is not a mapping, a key is missing, or a value is invalid; the message names the key.
        """
        if not isinstance(data, Mapping):
            raise UsageError(f"in_turn must be an object, not {type(data).__name__}")
        found = {}
        for f in fields(cls):
            if f.name not in data:
                raise UsageError(f"in_turn: key {f.name!r} is missing")
            value = found[f.name] = data[f.name]
            problem = _in_turn_problem(f.name, value)
            if problem:
                raise UsageError(f"in_turn: {f.name} = {reprlib.repr(value)}: must be {problem}")
        turns = cls(**found)
        if not turns.ratio_low <= turns.ratio <= turns.ratio_high:
            raise UsageError(
                f"in_turn: ratio = {turns.ratio}: must be in its interval, {turns.ratio_low} to {turns.ratio_high}"
            )
        if turns.quiet_pairs > turns.pairs:
            raise UsageError(f"in_turn: quiet_pairs = {turns.quiet_pairs}: must be at most pairs = {turns.pairs}")
        return turns


@dataclass(frozen=True)
class Measurement:
    """The distribution of a network's latency over single inferences.

    A measurement interleaved with an anchor (`tiernas.engines.Anchor`) has the undisturbed latency with its
    interval; percentiles, `cv` and `found_ms` are as found, over all inferences. If the network was measured alone
    (`tiernas.engines.measure`), all of them are as found.

    Attributes:
        latency_ms: Median; if interleaved: the ratio times the anchor's undisturbed latency.
        low_ms: Lower end of the interval of the median. Its nominal coverage of 95 % would hold if the number of runs
            or loads were fixed beforehand and they were independent. Measuring stops as soon as the interval is narrow,
            so the coverage is lower if loads differ (docs/latency.md has figures).
        high_ms: Upper end of that interval.
        p90_ms: 90th percentile.
        p95_ms: 95th percentile.
        p99_ms: 99th percentile.
        cv: Coefficient of variation: standard deviation over mean.
        runs: Timed inferences.
        preemptions: How often the system gave a core of this process to another one during timing; 0 if the system
            does not report it.
        unstable: The interval was wider than 3 % of the median at the time limit, the median drifted during the
            measurement, or other processes interrupted more than a tenth of the runs (for long runs: more than ten
            times a second) or left too few cores free.
        other_load: Average number of cores that other processes kept busy during timing.
        device_state: Clocks, power and throttling as reported by the device, before and after timing; empty on CPUs.
        loads: How often the network was loaded during the measurement.
        load_cv: Coefficient of variation of the medians of the loads, in measurements of earlier versions; otherwise 0.
        found_ms: Median as found; None if that is `latency_ms`.
        in_turn: Ratio to an anchor; None if the network was measured alone.
    """

    latency_ms: float
    low_ms: float
    high_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    cv: float
    runs: int
    preemptions: int
    unstable: bool
    other_load: float = 0.0
    device_state: Mapping[str, Any] = field(default_factory=dict)
    loads: int = 1
    load_cv: float = 0.0
    found_ms: float | None = None
    in_turn: InTurn | None = None

    @property
    def width(self) -> float:
        """Width of the interval relative to the latency."""
        return relative_width(self.latency_ms, self.low_ms, self.high_ms)

    @property
    def rank(self) -> tuple[bool, float]:
        """Sort key: of several measurements of one network, the smallest counts.

        Stable measurements come before unstable ones, then faster ones: load of other processes only adds time.
        """
        return self.unstable, self.latency_ms

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Measurement:
        """Inverse of `dataclasses.asdict` of this, an earlier or a later version.

        Unknown keys are ignored.

        Raises:
            UsageError: `data` is not a mapping, a key is missing, or a value is invalid; the message names the key.
        """
        if not isinstance(data, Mapping):
            raise UsageError(f"a measurement must be an object, not {type(data).__name__}")
        found = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        for f in fields(cls):
            if f.name not in found and f.default is MISSING and f.default_factory is MISSING:
                raise UsageError(f"key {f.name!r} is missing")
        in_turn = found.pop("in_turn", None)
        if in_turn is not None:
            found["in_turn"] = InTurn.from_dict(in_turn)
        for name, value in found.items():
            if name != "in_turn" and not _fits(name, value):
                raise UsageError(f"{name} = {reprlib.repr(value)}: must be {_kind(name)}")
        return cls(**found)


_TIMES = ("latency_ms", "low_ms", "high_ms", "p90_ms", "p95_ms", "p99_ms")
_COUNTS = {"runs": 1, "preemptions": 0, "loads": 1}
"""Integer fields with their minimum."""


def relative_width(value: float, low: float, high: float) -> float:
    """Width of the interval of a latency or a ratio, relative to it."""
    return (high - low) / value


def is_time_ms(value: object, least_ms: float = LEAST_MS) -> bool:
    """Whether a value from a file is a plausible time of an inference, or of a part of one, in ms."""
    return _is_number(value) and least_ms <= value <= MOST_MS


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _fits(name: str, value: object) -> bool:
    if name in _TIMES:
        return is_time_ms(value)
    if name == "found_ms":
        return value is None or is_time_ms(value)
    if name in _COUNTS:
        return isinstance(value, int) and not isinstance(value, bool) and value >= _COUNTS[name]
    if name == "unstable":
        return isinstance(value, bool)
    if name == "device_state":
        return isinstance(value, Mapping)
    return _is_number(value) and 0 <= value < math.inf


def _kind(name: str) -> str:
    if name in (*_TIMES, "found_ms"):
        return f"a number of ms from {LEAST_MS:g} to {MOST_MS:g}"
    if name in _COUNTS:
        return f"a whole number, at least {_COUNTS[name]}"
    return {"unstable": "true or false", "device_state": "an object"}.get(name, "a number, 0 or more")


def _in_turn_problem(name: str, value: object) -> str | None:
    """What a value of `InTurn` must be; None if it is."""
    if name in ("anchor", "measured_at"):
        return None if isinstance(value, str) else "a string"
    if name in ("pairs", "quiet_pairs"):
        is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return None if is_count else "a whole number, at least 0"
    if name.endswith("_ms"):
        return None if is_time_ms(value) else f"a number of ms from {LEAST_MS:g} to {MOST_MS:g}"
    return None if _is_number(value) and 0 < value < math.inf else "a number above 0"
