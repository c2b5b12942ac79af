"""Times a network alone: warms up, then times single inferences until the median is known."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from tiernas.engines.binomial import binomial_quantile
from tiernas.engines.lock import device_lock
from tiernas.engines.measurement import Measurement
from tiernas.engines.other_work import OtherWork, is_crowded, spare_cores_of
from tiernas.engines.timed import TimedNetwork
from tiernas.errors import TiernasError

CONFIDENCE = 0.95
"""Confidence level of the interval of the median."""

_DRIFT = 0.02
"""If the medians of the first and second half of the runs differ by more than this share, the latency drifts."""

_WIDE = 0.03
"""A measurement is unstable if the interval is still wider than this share of the median at the time limit."""

_PREEMPTED = 0.1
"""Share of the runs that other processes may interrupt before the measurement counts as unstable."""

_PREEMPTED_PER_S = 10.0
"""Harmless number of interruptions per second of long runs: time slices of some ms are then 5 % of the time."""


@dataclass(frozen=True)
class StopRule:
    """How long to measure.

    Attributes:
        warmup_s: Minimum duration of untimed runs at the start.
        relative_width: Stop when the 95 % interval of the median is narrower than this share of the median.
        min_s: Time at least this long, so that a burst of load cannot fill the whole measurement.
        limit_s: Stop timing after this long in any case.
    """

    warmup_s: float = 0.2
    relative_width: float = 0.01
    min_s: float = 0.2
    limit_s: float = 5.0


def measure(network: TimedNetwork, rule: StopRule | None = None) -> Measurement:
    """Measures a compiled network alone on its device, without reloading it.

    Args:
        network: The network; it runs on its prepared buffers.
        rule: How long to measure.
    """
    with device_lock(network.fingerprint.device_slug):
        before = network.device_state()
        found = measure_call(network.time_ns, rule or StopRule(), threads=network.fingerprint.threads)
        after = network.device_state()
    return replace(found, device_state={"before": before, "after": after}) if before or after else found


def measure_call(time_ns: Callable[[], int], rule: StopRule, *, threads: int = 1) -> Measurement:
    """Measures a function that runs one inference on `threads` threads and returns its duration in ns.

    The caller ensures that nothing else is measured at the same time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        _run_for(time_ns, rule.warmup_s)
        other_work = OtherWork()
        times_ms = _time_until(time_ns, rule)
        preemptions, other_load = other_work.so_far()
        return summarise(
            times_ms,
            rule.relative_width,
            preemptions=preemptions,
            other_load=other_load,
            spare_cores=spare_cores_of(threads),
        )
    finally:
        if collecting:
            gc.enable()


def summarise(
    times_ms: npt.ArrayLike,
    relative_width: float,
    *,
    preemptions: int = 0,
    other_load: float = 0.0,
    spare_cores: int = 0,
) -> Measurement:
    """Summarizes single latencies as a measurement.

    Args:
        times_ms: `n` latencies, in ms, in chronological order.
        relative_width: Target width of the interval, relative to the median.
        preemptions: See `Measurement`.
        other_load: See `Measurement`.
        spare_cores: Cores that the inference does not need and others may use.
    """
    times = np.asarray(times_ms, dtype=np.float64)
    median, low, high = median_and_interval(times)
    p90, p95, p99 = np.percentile(times, [90, 95, 99])
    wide = high - low > max(relative_width, _WIDE) * median
    disturbed = is_disturbed(len(times), times.sum() / 1e3, preemptions, other_load, spare_cores)
    return Measurement(
        latency_ms=median,
        low_ms=low,
        high_ms=high,
        p90_ms=float(p90),
        p95_ms=float(p95),
        p99_ms=float(p99),
        cv=float(times.std() / times.mean()),
        runs=len(times),
        preemptions=preemptions,
        unstable=bool(wide or drifts(times) or disturbed),
        other_load=other_load,
    )


def drifts(times_ms: npt.NDArray[np.float64]) -> bool:
    """Whether chronological latencies drift: the medians of their halves differ by more than 2 %."""
    half = len(times_ms) // 2
    if not half:
        return False
    first, second = np.median(times_ms[:half]), np.median(times_ms[half:])
    return bool(abs(first - second) > _DRIFT * np.median(times_ms))


def is_disturbed(runs: int, timed_s: float, preemptions: int, other_load: float, spare_cores: int) -> bool:
    """Whether other processes interrupted too many runs or kept too many cores busy for the latency to be trusted.

    Args:
        runs: Timed inferences.
        timed_s: Their total duration.
        preemptions: See `Measurement`.
        other_load: See `Measurement`.
        spare_cores: Cores that the inference does not need.
    """
    harmless = max(_PREEMPTED * runs, _PREEMPTED_PER_S * timed_s)
    return preemptions > harmless or is_crowded(other_load, spare_cores)


def median_and_interval(times_ms: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Median of `n` times and the ends of its confidence interval, in ms."""
    ordered = np.sort(times_ms)
    rank = interval_rank(len(ordered))
    return float(np.median(ordered)), float(ordered[rank - 1]), float(ordered[-rank])


@cache
def interval_rank(n: int) -> int:
    """Rank `j` for which `[x_(j), x_(n+1-j)]` covers the median with at least `CONFIDENCE`.

    For any distribution, the number of times below the median is binomial with p = 1/2, so the interval from the j-th
    smallest to the j-th largest misses the median with probability `2 P(B(n, 1/2) <= j - 1)` (David and Nagaraja, Order
    Statistics, 3rd edition, section 7.1). The largest such `j` is returned.

    Returns:
        The rank, counted from 1; also 1 for fewer than 6 times, for which no pair reaches 95 %.
    """
    return max(binomial_quantile((1 - CONFIDENCE) / 2, n, 0.5), 1)


def _run_for(time_ns: Callable[[], int], duration_s: float) -> None:
    end = time.perf_counter() + duration_s
    while True:
        time_ns()
        if time.perf_counter() >= end:
            return


def _time_until(time_ns: Callable[[], int], rule: StopRule) -> npt.NDArray[np.float64]:
    """Latencies in ms. Checks the interval each time their number has grown by a quarter, which costs no time."""
    times_ns: list[int] = []
    begin = time.perf_counter()
    look_at = 10
    while True:
        times_ns.append(time_ns())
        elapsed_s = time.perf_counter() - begin
        if elapsed_s >= rule.limit_s:
            break
        if len(times_ns) >= look_at and elapsed_s >= rule.min_s:
            median, low, high = median_and_interval(np.array(times_ns, dtype=np.float64))
            if high - low <= rule.relative_width * median:
                break
            look_at = len(times_ns) * 5 // 4
    if not all(times_ns):
        raise TiernasError("an inference took less time than the clock can resolve; nothing was measured")
    return np.array(times_ns, dtype=np.float64) / 1e6
