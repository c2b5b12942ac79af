"""ONNX Runtime on the CPU."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from onnx import TensorProto, helper
from scipy.stats import trim_mean

from tiernas.engines.calibration import FloatArray, calibration_images
from tiernas.engines.engine import CompiledNetwork, Engine, NodeTime
from tiernas.engines.fingerprint import Fingerprint, cpu_flags
from tiernas.engines.onnx_file import OnnxNetwork, last_line, read_network
from tiernas.engines.quantization import QUANTIZER, quantize_for_onnxruntime
from tiernas.engines.saved import STEM, SavedNetwork, runner_of
from tiernas.errors import NotInstalledError, UsageError

try:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as _native

    from tiernas.standalone.runners.onnxruntime import session_options
except ImportError as error:
    raise NotInstalledError("ONNX Runtime", "onnxruntime") from error

_ERRORS = tuple(kind for kind in vars(_native).values() if isinstance(kind, type) and issubclass(kind, Exception))
"""What ONNX Runtime raises; they have no base of their own."""

_OPTIONS: dict[str, Any] = {
    "execution_mode": "ORT_SEQUENTIAL",
    "graph_optimization_level": "ORT_ENABLE_ALL",
    "inter_op_num_threads": 1,
}
"""Options of every session that is measured, besides its threads, by the names of ONNX Runtime."""

_PROFILE_S = 0.15
"""Length of a profile, unless that is less or more runs than these."""
_MIN_PROFILE_RUNS = 4
_MAX_PROFILE_RUNS = 200
_OUTLIERS = 0.25
"""Share of a node's times that is left out at either end, so that a burst of load does no harm."""
_CHAIN = 64
"""Nodes of the networks that the profiler's own time is measured with."""
_CHAIN_INPUTS = (2, 10)
"""Inputs of each of their nodes; a quantised convolution has 9."""
_QUIET = 10
"""Percentile of their times that is used: load of other processes only adds time."""
_KERNEL = "_kernel_time"
"""How the profiler's names of the times of kernels end."""
_LAYOUT_CHANGE = re.compile(r"(ReorderInput|ReorderOutput|Transpose)(_token_\d+)?")
"""Names of nodes that ONNX Runtime inserts where neighbours want different layouts; each runs before its consumer."""


class OnnxRuntimeEngine(Engine):
    """ONNX Runtime's CPU provider with all graph optimisations, nodes one after the other."""

    name: ClassVar[str] = "onnxruntime"

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return ("fp32", "int8")

    def fingerprint(self) -> Fingerprint:
        reduced = {"reduce_range": _saturates()} if self.precision == "int8" else {}
        return self.cpu_fingerprint(onnxruntime.__version__, options=_OPTIONS | reduced, quantizer=QUANTIZER)

    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> OnnxRuntimeNetwork:
        network = read_network(onnx_path, self.batch)
        model = network.model
        if self.precision == "int8":
            images = calibration_images(calibration, network.input_shape)
            model = quantize_for_onnxruntime(network, images, reduce_range=_saturates())
        return OnnxRuntimeNetwork(model.SerializeToString(), network, self.fingerprint())


class OnnxRuntimeNetwork(CompiledNetwork):
    """A network in an ONNX Runtime session.

    Args:
        model: The network in its precision, serialised.
        network: The network as it was read.
        fingerprint: What it runs on.

    Raises:
        UsageError: ONNX Runtime cannot run it.
    """

    def __init__(self, model: bytes, network: OnnxNetwork, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.input_shape = network.input_shape
        self._model = model
        self._network = network
        self.reload()

    def run(self, images: FloatArray) -> FloatArray:
        self.require_shape(images)
        feed = {self._network.input_name: images.astype(np.float32, copy=False)}
        return np.array(self._session.run(None, feed)[0], dtype=np.float32)

    def infer(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def reload(self) -> None:
        self._session = open_session(self._model, self._network.path, threads=self.fingerprint.threads)
        self._binding = _bound(self._session)

    def profile(self) -> Sequence[NodeTime]:
        overhead = _profiler_overhead()
        kernels, runs = _profile(self._model, self._network.path, self.fingerprint.threads)
        return node_times(kernels, runs, overhead)

    def save(self, folder: Path) -> SavedNetwork:
        """Writes the network that the session was made of, in int8 with its Q/DQ pairs: `network.onnx`."""
        (folder / f"{STEM}.onnx").write_bytes(self._model)
        return SavedNetwork(
            files=(f"{STEM}.onnx",),
            options=_session_options(self.fingerprint.threads),
            runner=runner_of("onnxruntime"),
            requirements=(f"onnxruntime=={self.fingerprint.engine_version}",),
        )

    def close(self) -> None:
        del self._binding, self._session, self._model


def open_session(
    model: bytes, path: Path, *, threads: int = 1, fold_to: Path | None = None, profile_to: Path | None = None
) -> onnxruntime.InferenceSession:
    """A session on the CPU.

    Args:
        model: The network, serialised.
        path: Where it was read from, for messages.
        threads: Threads of one inference.
        fold_to: Fold what is constant, optimise no more, and write the network there.
        profile_to: Profile every run; `end_profiling` writes a file whose name begins so.

    Raises:
        UsageError: ONNX Runtime cannot run the network.
    """
    wanted = _session_options(threads)
    options = session_options(wanted)
    if fold_to is not None:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(fold_to)
    if profile_to is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile_to)
    try:
        return onnxruntime.InferenceSession(model, options, providers=wanted["providers"])
    except _ERRORS as error:
        raise UsageError(f"{path}: ONNX Runtime cannot run it: {last_line(error)}") from error


def _session_options(threads: int) -> dict[str, Any]:
    """What a session depends on besides its network, as `tiernas.standalone.runners.onnxruntime` takes it."""
    return {"providers": ["CPUExecutionProvider"], "intra_op_num_threads": threads, **_OPTIONS}


@dataclass(frozen=True, slots=True)
class ProfilerOverhead:
    """What the profiler adds to the time of a node, less what it loses by cutting off to whole microseconds.

    Between its two looks at the clock it writes down the shapes of inputs and outputs (KernelScope in
    onnxruntime/core/framework/sequential_executor.cc), which takes as long as a small node.

    Attributes:
        node_us: For every node.
        input_us: For each of its inputs.
    """

    node_us: float
    input_us: float

    def of(self, kernel: Mapping[str, Any]) -> float:
        """What is added to a kernel's time, in us."""
        return self.node_us + self.input_us * len(kernel["args"]["input_type_shape"])


def node_times(kernels: Sequence[Mapping[str, Any]], runs: int, overhead: ProfilerOverhead) -> list[NodeTime]:
    """Times of nodes over the last runs of a profile, in the order they run.

    Args:
        kernels: What ONNX Runtime's profiler wrote about each run of a kernel.
        runs: How many of the runs to use; those before are cold.
        overhead: What to subtract.
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
        profiled_us = float(trim_mean([kernel["dur"] for kernel in of_node[name][-runs:]], _OUTLIERS))
        found.append(NodeTime(shown, max(0.0, profiled_us - overhead.of(of_node[name][0])) / 1e3))
    return found[::-1]


def _profile(model: bytes, path: Path, threads: int = 1) -> tuple[list[dict[str, Any]], int]:
    """What the profiler writes about each run of a kernel, and how many of the runs are warm."""
    with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
        session = open_session(model, path, threads=threads, profile_to=Path(folder) / "profile")
        binding = _bound(session)
        runs = 0
        end = time.perf_counter() + _PROFILE_S
        while runs < _MIN_PROFILE_RUNS or (runs < _MAX_PROFILE_RUNS and time.perf_counter() < end):
            session.run_with_iobinding(binding)
            runs += 1
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return [event for event in events if event["cat"] == "Node" and event["name"].endswith(_KERNEL)], runs


@cache
def _profiler_overhead() -> ProfilerOverhead:
    """Measured once per process, with networks of tiny nodes that are run with the profiler and without."""
    few, many = (_overhead_us(inputs) for inputs in _CHAIN_INPUTS)
    input_us = (many - few) / (_CHAIN_INPUTS[1] - _CHAIN_INPUTS[0])
    return ProfilerOverhead(few - input_us * _CHAIN_INPUTS[0], input_us)


def _overhead_us(inputs: int) -> float:
    """What the profiler adds to the time of a node with so many inputs, in us."""
    names = [f"t{i}" for i in range(_CHAIN + 1)]
    nodes = [helper.make_node("Max", [a] * inputs, [b], b) for a, b in pairwise(names)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 1, 1, 1)) for name in (names[0], names[-1])]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    kernels, runs = _profile(model, Path("chain"))
    profiled_us = np.array([kernel["dur"] for kernel in kernels]).reshape(-1, _CHAIN)[-runs:].mean(axis=1)
    session = open_session(model, Path("chain"))
    binding = _bound(session)
    plain_ns = []
    for _ in range(_MAX_PROFILE_RUNS):
        start = time.perf_counter_ns()
        session.run_with_iobinding(binding)
        plain_ns.append(time.perf_counter_ns() - start)
    return float(np.percentile(profiled_us, _QUIET) - np.percentile(plain_ns, _QUIET) / _CHAIN / 1e3)


def _bound(session: onnxruntime.InferenceSession) -> onnxruntime.IOBinding:
    """Buffers of a session, bound, with random images."""
    images, logits = session.get_inputs()[0], session.get_outputs()[0]
    binding = session.io_binding()
    values = np.random.default_rng(0).standard_normal(images.shape, dtype=np.float32)
    binding.bind_ortvalue_input(images.name, onnxruntime.OrtValue.ortvalue_from_numpy(values))
    binding.bind_output(logits.name)
    session.run_with_iobinding(binding)
    binding.bind_ortvalue_output(logits.name, binding.get_outputs()[0])
    return binding


def _saturates() -> bool:
    """Whether this CPU adds pairs of 8-bit products in 16 bits: x86 without VNNI."""
    flags = cpu_flags()
    return "avx2" in flags and not any("vnni" in flag for flag in flags)
