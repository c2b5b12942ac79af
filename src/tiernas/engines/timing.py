"""The one clock: warm up, then time single inferences until the median is known."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from tiernas.engines.engine import CompiledNetwork
from tiernas.engines.lock import device_lock
from tiernas.errors import TiernasError

CONFIDENCE = 0.95
"""Of the interval of the median."""

_DRIFT = 0.02
"""Medians of the first and the second half of the runs that differ by more than this share are no steady state."""

_PREEMPTED = 0.1
"""Share of the runs that other processes may interrupt before the record is unstable."""


@dataclass(frozen=True, slots=True)
class StopRule:
    """How long to measure.

    Attributes:
        warmup_s: Untimed runs first, at least this long.
        relative_width: Stop when the 95 % interval of the median is narrower than this share of the median.
        min_s: Time at least this long, so that a burst of load cannot fill a whole measurement.
        limit_s: Stop timing after this long in any case.
    """

    warmup_s: float = 0.2
    relative_width: float = 0.01
    min_s: float = 0.2
    limit_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """The distribution of a network's latency over single inferences.

    Attributes:
        latency_ms: Median.
        low_ms: Lower end of the 95 % confidence interval of the median.
        high_ms: Upper end of it.
        p90_ms: 90th percentile.
        p95_ms: 95th percentile.
        p99_ms: 99th percentile.
        cv: Coefficient of variation: standard deviation over mean.
        runs: Timed inferences.
        preemptions: How often the system gave a core of this process to another one while timing; 0 where the
            system does not tell.
        unstable: The interval was still too wide at the time limit, the median drifted while measuring, or other
            processes interrupted more than a tenth of the runs.
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

    @property
    def rank(self) -> tuple[bool, float]:
        """Of several measurements of one network the one with the least rank counts.

        A stable one before an unstable one, then the faster: load of other processes only adds time.
        """
        return self.unstable, self.latency_ms


def measure(network: CompiledNetwork, rule: StopRule | None = None) -> Measurement:
    """Measures a compiled network, alone on its device.

    Args:
        network: The network; it runs on its prepared buffers.
        rule: How long to measure.
    """
    with device_lock(network.fingerprint.device_slug):
        return measure_call(network.infer, rule or StopRule())


def measure_call(infer: Callable[[], object], rule: StopRule) -> Measurement:
    """Measures a function that runs one inference; the caller sees to it that nothing else is measured."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        _run_for(infer, rule.warmup_s)
        before = _preemptions()
        times_ms = _time_until(infer, rule)
        return summarise(times_ms, rule.relative_width, _preemptions() - before)
    finally:
        if collecting:
            gc.enable()


def summarise(times_ms: npt.ArrayLike, relative_width: float, preemptions: int = 0) -> Measurement:
    """The measurement of single latencies (`n`, in ms, in the order they were taken)."""
    times = np.asarray(times_ms, dtype=np.float64)
    median, low, high = median_and_interval(times)
    p90, p95, p99 = np.percentile(times, [90, 95, 99])
    half = len(times) // 2
    drift = abs(np.median(times[:half]) - np.median(times[half:])) / median if half else 0.0
    wide = high - low > relative_width * median
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
        unstable=bool(wide or drift > _DRIFT or preemptions > _PREEMPTED * len(times)),
    )


def median_and_interval(times_ms: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Median of `n` times and the ends of its confidence interval, in the unit of the times."""
    ordered = np.sort(times_ms)
    rank = interval_rank(len(ordered))
    return float(np.median(ordered)), float(ordered[rank - 1]), float(ordered[-rank])


def interval_rank(n: int, confidence: float = CONFIDENCE) -> int:
    """Rank `j` for which `[x_(j), x_(n+1-j)]` covers the median with at least the confidence.

    The number of times below the median is binomial with p = 1/2 whatever their distribution, so the interval of
    the j-th smallest and the j-th largest misses the median with probability `2 P(B(n, 1/2) <= j - 1)` (David and
    Nagaraja, Order Statistics, 3rd edition, section 7.1). The largest such `j` is returned.

    Returns:
        The rank, counted from 1; 1 also for fewer than 6 times, where no pair reaches 95 %.
    """
    below = int(binom.ppf((1 - confidence) / 2, n, 0.5))
    while below > 0 and binom.cdf(below - 1, n, 0.5) > (1 - confidence) / 2:
        below -= 1
    return max(below, 1)


def _preemptions() -> int:
    """Involuntary context switches of this process so far."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _run_for(infer: Callable[[], object], duration_s: float) -> None:
    end = time.perf_counter() + duration_s
    while True:
        infer()
        if time.perf_counter() >= end:
            return


def _time_until(infer: Callable[[], object], rule: StopRule) -> npt.NDArray[np.float64]:
    """Latencies in ms. Looks at the interval whenever a quarter more times are there, which costs no time."""
    clock = time.perf_counter_ns
    times_ns: list[int] = []
    begin = clock()
    look_at = 10
    while True:
        start = clock()
        infer()
        stop = clock()
        times_ns.append(stop - start)
        elapsed_s = (stop - begin) / 1e9
        if elapsed_s >= rule.limit_s:
            break
        if len(times_ns) >= look_at and elapsed_s >= rule.min_s:
            median, low, high = median_and_interval(np.array(times_ns, dtype=np.float64))
            if high - low <= rule.relative_width * median:
                break
            look_at = len(times_ns) * 5 // 4
    if not all(times_ns):
        raise TiernasError("an inference took less than the clock can tell; nothing was measured")
    return np.array(times_ns, dtype=np.float64) / 1e6
