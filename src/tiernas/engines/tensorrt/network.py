"""A TensorRT engine on a GPU: run, timed and profiled."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tiernas.engines.calibration import FloatArray
from tiernas.engines.engine import CompiledNetwork, NodeTime
from tiernas.engines.fingerprint import Fingerprint
from tiernas.engines.gpu_state import Gpu
from tiernas.engines.saved import SavedNetwork
from tiernas.engines.tensorrt.cache import CacheKey, TrtCache
from tiernas.engines.tensorrt.files import save_trt
from tiernas.engines.tensorrt.library import TrtLibrary
from tiernas.engines.tensorrt.profile import LayerTimes, first_onnx_nodes, profiler
from tiernas.errors import TiernasError, UsageError

_WARMUP_RUNS = 3
"""Runs before the capture: in the first, TensorRT-RTX compiles kernels and TensorRT allocates memory."""
_GREATEST_KERNELS_BYTES = 100 * 2**20
"""Beyond this size, cached kernels of all networks slow the start down rather than speed it up, and the cache is
started again (TensorRT-RTX 1.0 release notes, limitations)."""
_PROFILE_S = 0.3
"""Duration of a profile."""
_MIN_PROFILE_RUNS = 10


class TensorRtNetwork(CompiledNetwork):
    """An engine with its buffers on the GPU, captured as one CUDA graph.

    Args:
        library: The package that built it.
        serialized: The engine.
        typed: Returns the ONNX network from which it was built.
        gpu: The GPU that it runs on.
        fingerprint: What it runs on.
        cache: Stores the kernels that TensorRT-RTX compiles.

    Raises:
        TiernasError: TensorRT cannot load the engine.
        UsageError: The network cannot be captured as a CUDA graph.
    """

    def __init__(
        self,
        library: TrtLibrary,
        serialized: bytes,
        typed: Callable[[], bytes],
        gpu: Gpu,
        fingerprint: Fingerprint,
        cache: TrtCache,
    ) -> None:
        self.fingerprint = fingerprint
        self._typed = typed
        self._library = library
        self._serialized = serialized
        self._gpu = gpu
        self._cache = cache
        self._load()

    def run(self, images: FloatArray) -> FloatArray:
        self.require_shape(images)
        with torch.cuda.stream(self._stream):
            self._images.copy_(torch.from_numpy(np.array(images, dtype=np.float32)))
            self._graph.replay()
            return np.array(self._logits.cpu().numpy())

    def infer(self) -> None:
        with torch.cuda.stream(self._stream):
            self._graph.replay()
        self._stream.synchronize()

    def time_ns(self) -> int:
        """Duration of one run by the GPU's own clock, in ns, without the launch.

        The graph runs twice and the second run is timed. It is launched while the first one is running, so that the GPU
        does not wait for the host between the events.
        """
        with torch.cuda.stream(self._stream):
            self._graph.replay()
            self._begin.record()
            self._graph.replay()
            self._end.record()
        self._end.synchronize()
        elapsed_ms: float = self._begin.elapsed_time(self._end)
        return round(elapsed_ms * 1e6)

    def reload(self) -> None:
        self._free()
        self._load()

    def device_state(self) -> Mapping[str, Any]:
        return self._gpu.state()

    def profile(self) -> Sequence[NodeTime]:
        inspector = self._engine.create_engine_inspector()
        inspected = inspector.get_engine_information(self._library.trt.LayerInformationFormat.JSON)
        times = LayerTimes()
        reporter = profiler(self._library.trt, times)
        context, kernels = self._new_context(self._compiled_kernels())
        self._run_eagerly(context, _WARMUP_RUNS)
        context.profiler = reporter
        end = time.perf_counter() + _PROFILE_S
        while times.runs < _MIN_PROFILE_RUNS or time.perf_counter() < end:
            self._run_eagerly(context, 1)
            times.runs += 1
        del context, kernels  # in this order, because the context uses the kernels
        return times.means(first_onnx_nodes(inspected))

    def save(self, folder: Path) -> SavedNetwork:
        return save_trt(self._library, self._typed(), self._serialized, folder)

    def close(self) -> None:
        self._free()
        del self._serialized

    def _load(self) -> None:
        library, gpu = self._library, self._gpu
        library.messages.clear()
        self._runtime = library.trt.Runtime(library.logger)
        self._engine = self._runtime.deserialize_cuda_engine(self._serialized)
        if self._engine is None:
            raise TiernasError(f"{library.title} cannot load the engine it built: {'; '.join(library.messages[:3])}")
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        modes = {self._engine.get_tensor_mode(name): name for name in names}
        self._input_name = modes[library.trt.TensorIOMode.INPUT]
        self._output_name = modes[library.trt.TensorIOMode.OUTPUT]
        batch, channels, height, width = self._engine.get_tensor_shape(self._input_name)
        self.input_shape = (batch, channels, height, width)
        device = torch.device("cuda", gpu.index)
        logits_shape = tuple(self._engine.get_tensor_shape(self._output_name))
        self._images = torch.randn(self.input_shape, dtype=torch.float32, device=device)
        self._logits = torch.empty(logits_shape, dtype=torch.float32, device=device)
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._begin, self._end = (
            torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            for _ in range(2)
        )
        key = CacheKey("kernels", library.package, library.version, gpu.kind)
        stored = self._cache.get(key)
        if stored is not None and len(stored) > _GREATEST_KERNELS_BYTES:
            stored = None
        self._context, self._kernels = self._new_context(stored)
        self._graph = self._captured()
        compiled = self._compiled_kernels()
        if compiled is not None and compiled != stored:
            self._cache.put(key, compiled)

    def _free(self) -> None:
        self._stream.synchronize()
        del self._graph, self._context, self._kernels, self._engine, self._runtime, self._images, self._logits

    def _new_context(self, kernels: bytes | None) -> tuple[Any, Any | None]:
        context, compiled = self._library.context(self._engine, kernels)
        context.set_tensor_address(self._input_name, self._images.data_ptr())
        context.set_tensor_address(self._output_name, self._logits.data_ptr())
        return context, compiled

    def _compiled_kernels(self) -> bytes | None:
        return None if self._kernels is None else bytes(self._kernels.serialize())

    def _run_eagerly(self, context: Any, runs: int) -> None:
        for _ in range(runs):
            if not context.execute_async_v3(self._stream.cuda_stream):
                raise TiernasError(f"{self._library.title} cannot run: {'; '.join(self._library.messages[-3:])}")
        self._stream.synchronize()

    def _captured(self) -> torch.cuda.CUDAGraph:
        self._stream.wait_stream(torch.cuda.current_stream())  # which creates the images
        self._run_eagerly(self._context, _WARMUP_RUNS)
        graph = torch.cuda.CUDAGraph()
        try:
            # thread_local: another thread's work on the GPU does not break the capture
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                if not self._context.execute_async_v3(self._stream.cuda_stream):
                    raise RuntimeError("; ".join(self._library.messages[-3:]))
        except RuntimeError as error:
            raise UsageError(
                f"{self._library.title} cannot capture the network as a CUDA graph: {error}; networks whose work "
                "depends on the images cannot be measured"
            ) from error
        return graph
