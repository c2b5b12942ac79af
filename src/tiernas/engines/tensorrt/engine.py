"""The engines `tensorrt` and `tensorrt-rtx`."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tiernas.engines.calibration import FloatArray
from tiernas.engines.engine import Engine
from tiernas.engines.fingerprint import Fingerprint, device_slug
from tiernas.engines.gpu_state import Gpu, find_gpu
from tiernas.engines.lock import device_lock
from tiernas.engines.onnx_file import OnnxNetwork, read_network
from tiernas.engines.onnxruntime.quantizer import QUANTIZER
from tiernas.engines.tensorrt.build import TrtNetwork
from tiernas.engines.tensorrt.cache import CacheKey, TrtCache
from tiernas.engines.tensorrt.library import TensorRt, TensorRtRtx, TrtLibrary, load_library
from tiernas.engines.tensorrt.precision import in_precision
from tiernas.errors import UsageError

if TYPE_CHECKING:
    from tiernas.engines.tensorrt.network import TensorRtNetwork

_log = logging.getLogger(__name__)


class TensorRtEngine(Engine):
    """TensorRT, strongly typed, one CUDA graph per network.

    It can be created without a GPU to query the package's precisions; compiling a network requires the GPU.
    """

    name: ClassVar[str] = "tensorrt"
    _library: ClassVar[type[TrtLibrary]] = TensorRt

    def __init__(self, precision: str = "fp32", batch: int = 1, threads: int = 1) -> None:
        super().__init__(precision, batch, threads)
        if threads != 1:
            raise UsageError(f"threads = {threads}: {self.name} runs on the GPU; must be 1")

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return load_library(cls._library).precisions(find_gpu())

    def fingerprint(self) -> Fingerprint:
        """What a measured latency depends on, besides the network.

        Raises:
            UsageError: This machine has no GPU.
        """
        gpu = self._gpu()
        return Fingerprint(
            device=gpu.name,
            engine=self.name,
            engine_version=load_library(self._library).version,
            precision=self.precision,
            batch=self.batch,
            threads=self.threads,
            flags=gpu.flags,
            recipe=self.recipe,
            quantizer=QUANTIZER if self.precision == "int8" else None,
        )

    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> TensorRtNetwork:
        gpu = self._gpu()

        from tiernas.engines.tensorrt.network import TensorRtNetwork  # imports torch

        with device_lock(device_slug(gpu.name)):
            serialized = self.build(onnx_path, calibration)
            library, fingerprint = load_library(self._library), self.fingerprint()
            typed = partial(self._typed, onnx_path, calibration)
            return TensorRtNetwork(library, serialized, typed, gpu, fingerprint, TrtCache())

    def build(self, onnx_path: Path, calibration: FloatArray | None = None) -> bytes:
        """The serialized engine of a network, for the GPU of this machine, from the cache if it was built before.

        Without a GPU, TensorRT-RTX builds an engine for every GPU from compute capability 8.0 on.

        Args:
            onnx_path: The file, in fp32.
            calibration: As in `compile`.

        Raises:
            UsageError: As in `compile`; or this machine has no GPU, on which TensorRT chooses kernels by timing them.
        """
        library, gpu, cache = load_library(self._library), find_gpu(), TrtCache()
        if gpu is None and not library.builds_without_gpu:
            raise UsageError(
                f"no NVIDIA GPU here: {library.title} chooses kernels by timing them on the engine's target GPU; "
                "the engine tensorrt-rtx builds on any machine"
            )
        network = read_network(onnx_path, self.batch)
        device = gpu.kind if gpu else "any"
        key = CacheKey("engine", library.package, library.version, device, self._digest(network, calibration))
        timings_key = CacheKey("timings", library.package, library.version, device)

        def make() -> bytes:
            _log.debug("%s: builds a %s engine of %s", library.title, self.precision, onnx_path)
            model = in_precision(network, self.precision, calibration)
            timings = None if library.builds_without_gpu else cache.get(timings_key)
            serialized, new_timings = TrtNetwork(library, model, str(onnx_path)).build(gpu, timings)
            if new_timings is not None and new_timings != timings:
                cache.put(timings_key, new_timings)
            return serialized

        # always lock the device before the cache, to avoid deadlocks between processes
        with device_lock(device_slug(gpu.name)) if gpu else contextlib.nullcontext():
            return cache.get_or_make(key, make)

    def _typed(self, onnx_path: Path, calibration: FloatArray | None) -> bytes:
        """The network that is passed to the builder."""
        return in_precision(read_network(onnx_path, self.batch), self.precision, calibration)

    def _gpu(self) -> Gpu:
        gpu = find_gpu()
        if gpu is None:
            title = load_library(self._library).title
            raise UsageError(
                f"no NVIDIA GPU here (torch.cuda.is_available() is false), which {title} requires: use a machine with "
                "a GPU, its driver and a torch built for CUDA, or another engine"
            )
        return gpu

    def _digest(self, network: OnnxNetwork, calibration: FloatArray | None) -> str:
        """Digest of everything that an engine is built from."""
        digest = hashlib.sha256(f"{self.recipe} {self.precision}".encode())
        digest.update(network.model.SerializeToString(deterministic=True))
        if self.precision == "int8" and calibration is not None:
            digest.update(str(calibration.shape).encode())
            digest.update(np.ascontiguousarray(calibration).data)
        return digest.hexdigest()


class TensorRtRtxEngine(TensorRtEngine):
    """TensorRT-RTX, for GeForce RTX and other GPUs with compute capability 7.5 or from 8.0 on.

    Also builds engines on machines without a GPU.
    """

    name: ClassVar[str] = "tensorrt-rtx"
    _library: ClassVar[type[TrtLibrary]] = TensorRtRtx
