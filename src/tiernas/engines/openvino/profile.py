"""Times of the nodes of a network, from OpenVINO's performance counters."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import openvino

from tiernas.engines.engine import NodeTime

_PROFILE_S = 0.05
"""Duration of one profile of a fast network, some ten to some hundred runs."""
_PROFILES = 3
"""A node's time in a fast network is the median of this many profiles, so that a burst of load in one does no harm."""
_SLOW_MS = 10.0
"""From this latency on, single runs are long enough for counters of whole microseconds."""
_SLOW_RUNS = 5
"""A node's time in a slow network is the median of this many runs."""
_MIN_PROFILE_RUNS = 4
_TRUNCATION_MS = 1e-3
"""On average the counters lose half a microsecond per run and half a microsecond of the mean: both are truncated to
whole microseconds (PerfCount in src/plugins/intel_cpu/src/perf_count.h)."""
_NO_KERNEL = ("undef", "unknown")
"""Beginnings of the kernel types of fused nodes and of inputs."""

_Compile = Callable[[], openvino.InferRequest]


def profile(run_ms: float, compile_counting: _Compile) -> Sequence[NodeTime]:
    """Times of the nodes of a network, in execution order.

    Args:
        run_ms: Approximate latency of the network.
        compile_counting: Compiles it again, with performance counters and random images.
    """
    if run_ms >= _SLOW_MS:
        return _profile_slow(compile_counting())
    profiles = [_profile_fast(compile_counting()) for _ in range(_PROFILES)]
    return [NodeTime(nodes[0].name, float(np.median([node.time_ms for node in nodes]))) for nodes in zip(*profiles)]


def _profile_slow(request: openvino.InferRequest) -> list[NodeTime]:
    """Medians over single runs of a freshly compiled network, from differences of its counters."""
    sums_ms: dict[str, list[float]] = {}
    for run in range(1, _SLOW_RUNS + 2):  # the first is cold
        request.infer(share_inputs=True, share_outputs=True)
        for name, mean in _counters_ms(request).items():
            sums_ms.setdefault(name, []).append(mean * run)
    return [NodeTime(name, max(0.0, float(np.median(np.diff(sums))))) for name, sums in sums_ms.items()]


def _profile_fast(request: openvino.InferRequest) -> list[NodeTime]:
    """Mean times of a freshly compiled network: its counters cannot be reset and include the cold first run."""
    request.infer()
    first_ms = _counters_ms(request)
    runs = 1
    end = time.perf_counter() + _PROFILE_S
    while runs <= _MIN_PROFILE_RUNS or time.perf_counter() < end:
        request.infer(share_inputs=True, share_outputs=True)
        runs += 1
    mean_ms = _counters_ms(request)
    return [
        NodeTime(name, max(0.0, (mean * runs - first_ms[name]) / (runs - 1)) + _TRUNCATION_MS)
        for name, mean in mean_ms.items()
    ]


def _counters_ms(request: openvino.InferRequest) -> dict[str, float]:
    """Mean time of every node that has a kernel, since the network was compiled, in ms."""
    return {node.node_name: node.real_time.total_seconds() * 1e3 for node in _profiled(request)}


def _profiled(request: openvino.InferRequest) -> list[openvino.ProfilingInfo]:
    """The nodes that have a kernel, unlike those fused into others.

    The status is no criterion: it marks a node of less than 1 us as not run.
    """
    return [node for node in request.get_profiling_info() if not node.exec_type.startswith(_NO_KERNEL)]
