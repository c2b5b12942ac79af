"""A network loaded and measured several times: how far that repeats tells how sure its latency is.

Loads differ by where the network lies in memory and by what the machine did meanwhile. The second is the greater part
where a processor is shared (docs/latency.md), so what the runs of a single load say of their median is not enough.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from statistics import mean, median

import numpy as np

from tiernas.engines.engine import CompiledNetwork
from tiernas.engines.lock import device_lock
from tiernas.engines.measurement import Measurement
from tiernas.engines.timing import StopRule, drifts, is_disturbed, measure, median_and_interval

LIMIT_S = 10.0
"""Time in which a network is loaded and timed, unless told otherwise."""

FEWEST = 6
"""Loads without which order statistics give no 95 % interval of their centre (`timing.interval_rank`)."""

WIDTH = 0.02
"""Loads are added until the interval of their centre is narrower than this share of it.

It is 3.9 standard errors wide. Of a number of independent loads that is fixed beforehand, five repetitions lie as far
apart or less nineteen times of twenty (3.86 standard errors: upper 5 % point of the studentised range of 5). Loads that
are added until the interval is narrow, as here, agree less often than that (docs/latency.md).
"""

_EACH = StopRule(warmup_s=0.2, relative_width=0.01, min_s=0.1, limit_s=0.5)
"""How long each load is timed: shortly, because many loads say more than one that is timed long."""


def measure_loads(network: CompiledNetwork, limit_s: float = LIMIT_S) -> Measurement:
    """Measures a compiled network over several loads, alone on its device.

    The network is timed, loaded anew, timed again, and so on, until the nominal 95 % interval of the centre of the
    loads is narrower than 2 % or the time is up, at least six times.

    Args:
        network: The network; it is loaded anew between timings.
        limit_s: No load is begun after this long, once there are six. With less than the default each is timed more
            shortly in proportion.

    Returns:
        The pooled measurement, see `pool`.
    """
    share = min(1.0, limit_s / LIMIT_S)
    rule = StopRule(share * _EACH.warmup_s, _EACH.relative_width, share * _EACH.min_s, share * _EACH.limit_s)
    spare_cores = (os.cpu_count() or 1) - network.fingerprint.threads
    with device_lock(network.fingerprint.device_slug):
        end = time.perf_counter() + limit_s
        loads = [measure(network, rule)]
        while len(loads) < FEWEST or ((pooled := pool(loads, spare_cores)).unstable and time.perf_counter() < end):
            network.reload()
            loads.append(measure(network, rule))
    return pooled


def pool(loads: Sequence[Measurement], spare_cores: int) -> Measurement:
    """One measurement of several loads of a network.

    `latency_ms` is the median of the loads' medians, `low_ms` and `high_ms` are the ends of its nominal 95 % interval
    over the loads (order statistics); percentiles and `cv` are medians over the loads, `runs` and `preemptions` sums,
    `other_load` is the mean. `unstable`: that interval is wider than 2 %, the medians of the first and the second half
    of the loads differ by more than 2 %, there are fewer than six loads, or other processes disturbed the loads
    together as `Measurement` says of one.

    Args:
        loads: Measurements of single loads, in the order they were taken.
        spare_cores: Cores that the inference does not need.
    """
    medians_ms = np.array([load.latency_ms for load in loads])
    centre_ms, low_ms, high_ms = median_and_interval(medians_ms)
    runs, preemptions = sum(load.runs for load in loads), sum(load.preemptions for load in loads)
    timed_s = sum(load.runs * load.latency_ms for load in loads) / 1e3
    other_load = mean(load.other_load for load in loads)
    wide = len(loads) < FEWEST or high_ms - low_ms > WIDTH * centre_ms
    disturbed = is_disturbed(runs, timed_s, preemptions, other_load, spare_cores)
    states = loads[0].device_state, loads[-1].device_state
    return Measurement(
        latency_ms=centre_ms,
        low_ms=low_ms,
        high_ms=high_ms,
        p90_ms=median(load.p90_ms for load in loads),
        p95_ms=median(load.p95_ms for load in loads),
        p99_ms=median(load.p99_ms for load in loads),
        cv=median(load.cv for load in loads),
        runs=runs,
        preemptions=preemptions,
        unstable=wide or drifts(medians_ms) or disturbed,
        other_load=round(other_load, 3),
        device_state={"before": states[0]["before"], "after": states[1]["after"]} if all(states) else {},
        loads=len(loads),
        load_cv=float(medians_ms.std(ddof=1) / medians_ms.mean()) if len(loads) > 1 else 0.0,
    )
