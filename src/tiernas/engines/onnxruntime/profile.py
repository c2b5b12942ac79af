"""Times of the nodes of a network, from ONNX Runtime's profiler."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tiernas.engines.engine import NodeTime
from tiernas.engines.onnxruntime.chain import max_chain
from tiernas.engines.onnxruntime.session import bound, open_session
from tiernas.engines.trimmed import trimmed_mean

_PROFILE_S = 0.15
"""Duration of a profile, within these limits on the number of runs."""
_MIN_PROFILE_RUNS = 4
_MAX_PROFILE_RUNS = 200
_OUTLIERS = 0.25
"""Share of a node's times that is trimmed at both ends, so that a burst of load does no harm."""
_CHAIN = 64
"""Number of nodes of the networks for measuring the profiler's own time."""
_CHAIN_INPUTS = (2, 10)
"""Number of inputs of each of their nodes; a quantized convolution has 9."""
_QUIET = 10
"""Percentile of their times that is used; low, because load of other processes only adds time."""
_KERNEL = "_kernel_time"
"""Suffix of the profiler's names of kernel times."""
_LAYOUT_CHANGE = re.compile(r"(ReorderInput|ReorderOutput|Transpose)(_token_\d+)?")
"""Names of nodes that ONNX Runtime inserts between nodes of different layouts; each runs before its consumer."""


def profile(model: bytes, path: Path, threads: int) -> list[NodeTime]:
    """Times of the nodes of a network, in execution order.

    Args:
        model: The network, serialized.
        path: The file that it was read from, for messages.
        threads: Threads of one inference.
    """
    overhead = _profiler_overhead()
    kernels, runs = _profiled(model, path, threads)
    return node_times(kernels, runs, overhead)


@dataclass(frozen=True)
class ProfilerOverhead:
    """Time that the profiler adds to a node, minus what it loses by truncation to whole microseconds.

    Between its two readings of the clock it records the shapes of inputs and outputs (KernelScope in
    onnxruntime/core/framework/sequential_executor.cc), which takes as long as a small node.

    Attributes:
        node_us: Per node, in us.
        input_us: Per input of a node, in us.
    """

    node_us: float
    input_us: float

    def of(self, kernel: Mapping[str, Any]) -> float:
        """Time added to a kernel, in us."""
        return self.node_us + self.input_us * len(kernel["args"]["input_type_shape"])


def node_times(kernels: Sequence[Mapping[str, Any]], runs: int, overhead: ProfilerOverhead) -> list[NodeTime]:
    """Times of nodes over the last runs of a profile, in execution order.

    Args:
        kernels: Records of ONNX Runtime's profiler, one per run of a kernel.
        runs: Number of runs to use; earlier ones are cold.
        overhead: Overhead to subtract.
    """
    of_node: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for kernel in kernels:
        of_node[kernel["name"].removesuffix(_KERNEL)].append(kernel)
    found: list[NodeTime] = []
    consumer = ""
    for name in reversed(of_node):
        if change := _LAYOUT_CHANGE.fullmatch(name):
            shown = f"{change[1]} for {consumer}"
        else:
            shown = consumer = name
        profiled_us = trimmed_mean([kernel["dur"] for kernel in of_node[name][-runs:]], _OUTLIERS)
        found.append(NodeTime(shown, max(0.0, profiled_us - overhead.of(of_node[name][0])) / 1e3))
    return found[::-1]


def _profiled(model: bytes, path: Path, threads: int = 1) -> tuple[list[dict[str, Any]], int]:
    """The profiler's records of each run of a kernel, and the number of warm runs."""
    with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
        session = open_session(model, path, threads=threads, profile_to=Path(folder) / "profile")
        binding = bound(session)
        runs = 0
        end = time.perf_counter() + _PROFILE_S
        while runs < _MIN_PROFILE_RUNS or (runs < _MAX_PROFILE_RUNS and time.perf_counter() < end):
            session.run_with_iobinding(binding)
            runs += 1
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return [event for event in events if event["cat"] == "Node" and event["name"].endswith(_KERNEL)], runs


@cache
def _profiler_overhead() -> ProfilerOverhead:
    """Measured once per process, with networks of tiny nodes that are run with and without the profiler."""
    few, many = (_overhead_us(inputs) for inputs in _CHAIN_INPUTS)
    input_us = (many - few) / (_CHAIN_INPUTS[1] - _CHAIN_INPUTS[0])
    return ProfilerOverhead(few - input_us * _CHAIN_INPUTS[0], input_us)


def _overhead_us(inputs: int) -> float:
    """Time that the profiler adds to a node with this number of inputs, in us."""
    model = max_chain(_CHAIN, inputs)
    kernels, runs = _profiled(model, Path("chain"))
    profiled_us = np.array([kernel["dur"] for kernel in kernels]).reshape(-1, _CHAIN)[-runs:].mean(axis=1)
    session = open_session(model, Path("chain"))
    binding = bound(session)
    plain_ns = []
    for _ in range(_MAX_PROFILE_RUNS):
        start = time.perf_counter_ns()
        session.run_with_iobinding(binding)
        plain_ns.append(time.perf_counter_ns() - start)
    return float(np.percentile(profiled_us, _QUIET) - np.percentile(plain_ns, _QUIET) / _CHAIN / 1e3)
