"""What a measured latency is made of, and how it is read from a file."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeGuard

from tiernas.errors import UsageError

LEAST_MS, MOST_MS = 1e-6, 1e7
"""What an inference can take: from a nanosecond, in which files are written, to almost three hours."""


WIDE = 0.03
"""A ratio whose interval is wider than this share of it is marked."""


@dataclass(frozen=True, slots=True)
class InTurn:
    """A network's latency as a multiple of an anchor's, with which it took turns.

    Attributes:
        anchor: `graph_digest` of the anchor.
        ratio: The network's latency over the anchor's while the machine is undisturbed.
        ratio_low: Lower end of the 95 % interval of the ratio, which holds at any stopping time.
        ratio_high: Upper end of it.
        ratio_found: Median over all pairs, disturbed or not.
        pairs: Turns of the network, each between two of the anchor.
        quiet_pairs: Pairs whose anchor took at most a tenth more than undisturbed.
        anchor_ms: The anchor's undisturbed latency, by which the ratio was multiplied.
        anchor_low_ms: The quietest moment of the anchor in the session.
        anchor_high_ms: Upper end of the 95 % interval of the anchor's undisturbed latency in the session.
        anchor_found_ms: Median of the anchor during this measurement.
        anchor_quiet_ms: Tenth percentile of the anchor during this measurement.
        measured_at: When, in UTC.
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
        """Width of the interval of the ratio, as a share of it."""
        return (self.ratio_high - self.ratio_low) / self.ratio

    @property
    def is_wide(self) -> bool:
        """Whether so little is known of the ratio that it is marked."""
        return self.width > WIDE

    @classmethod
    def from_dict(cls, data: object) -> InTurn:
        """What `dataclasses.asdict` made a mapping of; keys of later versions are passed over.

        Raises:
            UsageError: It is no mapping, a key is missing, or a value cannot be; names the key.
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


@dataclass(frozen=True, slots=True)
class Measurement:
    """The distribution of a network's latency over single inferences.

    A measurement in turn with an anchor (`tiernas.engines.measure_in_turn`) has the undisturbed latency with its
    interval, while percentiles, `cv` and `found_ms` are of all inferences as found. One of the network alone
    (`tiernas.engines.measure`) has all of them as found.

    Attributes:
        latency_ms: Median; in turn: the ratio times the anchor's undisturbed latency.
        low_ms: Lower end of the interval of the median, nominally 95 %: so often it would cover the median if the
            number of runs or loads were fixed beforehand and they were independent. Measuring stops as soon as it is
            narrow, so it covers less where loads differ (docs/latency.md has figures).
        high_ms: Upper end of it.
        p90_ms: 90th percentile.
        p95_ms: 95th percentile.
        p99_ms: 99th percentile.
        cv: Coefficient of variation: standard deviation over mean.
        runs: Timed inferences.
        preemptions: How often the system gave a core of this process to another one while timing; 0 where the
            system does not tell.
        unstable: The interval was wider than 3 % of the median at the time limit, the median drifted while measuring,
            other processes interrupted more than a tenth of the runs (of long runs: more than ten times a second), or
            kept so many cores busy that too few were left.
        other_load: Cores that other processes kept busy while timing, on average.
        device_state: What the device says of clocks, power and throttling, before and after timing; empty on CPUs.
        loads: How often the network was loaded while it was measured.
        load_cv: Coefficient of variation of the medians of the loads, in measurements of earlier versions; 0 elsewhere.
        found_ms: Median as found; None where nothing else was told (`latency_ms` is it).
        in_turn: Ratio to an anchor; None where the network was measured alone.
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
    def rank(self) -> tuple[bool, float]:
        """Of several measurements of one network the one with the least rank counts.

        A stable one before an unstable one, then the faster: load of other processes only adds time.
        """
        return self.unstable, self.latency_ms

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Measurement:
        """The measurement that `dataclasses.asdict` made a mapping of, in this version, an earlier or a later one.

        Keys that are not a measurement's are passed over.

        Raises:
            UsageError: It is no mapping, a key is missing, or a value has another type or cannot be; names the key.
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
"""Whole numbers, each with the least that it can be."""


def is_time_ms(value: object, least_ms: float = LEAST_MS) -> bool:
    """Whether a value of a file is the time of an inference, or of a part of one, in ms."""
    return _is_number(value) and least_ms <= value <= MOST_MS


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
    """What a value of `InTurn` must be, if it is not."""
    if name in ("anchor", "measured_at"):
        return None if isinstance(value, str) else "a text"
    if name in ("pairs", "quiet_pairs"):
        is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return None if is_count else "a whole number, at least 0"
    if name.endswith("_ms"):
        return None if is_time_ms(value) else f"a number of ms from {LEAST_MS:g} to {MOST_MS:g}"
    return None if _is_number(value) and 0 < value < math.inf else "a number above 0"
