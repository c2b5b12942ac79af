"""NVIDIA's two packages with TensorRT's API, and their differences.

TensorRT 10.12 to 11, and TensorRT-RTX from 1.2. Their common API is used directly: strongly typed networks (11 has no
others and ignores the flag), `execute_async_v3`, the ONNX parser, profiler and engine inspector.
"""

from __future__ import annotations

import abc
import importlib
import logging
from functools import cache
from typing import Any, ClassVar

from tiernas.engines.gpu_state import Gpu
from tiernas.errors import NotInstalledError

_log = logging.getLogger(__name__)

_FP32_ON_RTX = (8, 0)
"""Lowest compute capability with fp32 in TensorRT-RTX: for Turing, 7.5, its builder refuses fp32 matrix products."""


class TrtLibrary(abc.ABC):
    """One of the two packages.

    Attributes:
        trt: The package.
        messages: Errors that it has logged since the list was last cleared.
        logger: Its logger; TensorRT requires one per process.

    Raises:
        NotInstalledError: The package is not installed.
    """

    title: ClassVar[str]
    extra: ClassVar[str]
    """The extra of tiernas that installs it."""
    package: ClassVar[str]
    """The name of the module to import."""
    builds_without_gpu: ClassVar[bool]

    def __init__(self) -> None:
        try:
            self.trt: Any = importlib.import_module(self.package)
        except ImportError as error:
            raise NotInstalledError(self.title, self.extra) from error
        self.messages: list[str] = []
        self.logger = _logger(self.trt, self.messages)

    @property
    def version(self) -> str:
        """Version of the package, such as "11.4.0.106"."""
        return str(self.trt.__version__)

    @abc.abstractmethod
    def precisions(self, gpu: Gpu | None) -> tuple[str, ...]:
        """Precisions that it can run on a GPU; without a GPU, those that it can build."""

    @abc.abstractmethod
    def configure(self, config: Any, gpu: Gpu | None, timings: bytes | None) -> None:
        """Configures a build so that the engine can be captured as a CUDA graph on this GPU.

        Args:
            config: An IBuilderConfig.
            gpu: The target GPU; None for an engine that runs on any GPU.
            timings: The result of `timings` after an earlier build on an equal GPU.
        """

    @abc.abstractmethod
    def timings(self, config: Any) -> bytes | None:
        """Kernel timings of a build; None if this package measures none."""

    @abc.abstractmethod
    def context(self, engine: Any, kernels: bytes | None) -> tuple[Any, Any | None]:
        """An IExecutionContext of an ICudaEngine.

        Args:
            engine: The engine.
            kernels: The serialized second return value of an earlier run.

        Returns:
            The context, and the cache of kernels that it compiles at run time, an object with `serialize`; None if
            this package compiles none.
        """


class TensorRt(TrtLibrary):
    """TensorRT: chooses kernels by timing them during the build, so a build requires the target GPU."""

    title = "TensorRT"
    extra = "tensorrt"
    package = "tensorrt"
    builds_without_gpu = False

    def precisions(self, gpu: Gpu | None) -> tuple[str, ...]:
        return ("fp32", "fp16", "int8")

    def configure(self, config: Any, gpu: Gpu | None, timings: bytes | None) -> None:
        loaded = config.create_timing_cache(timings or b"")
        if not config.set_timing_cache(loaded, ignore_mismatch=False):
            _log.info("the timings of an earlier build are for another GPU or driver; kernels are timed again")
            config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)

    def timings(self, config: Any) -> bytes | None:
        return bytes(config.get_timing_cache().serialize())

    def context(self, engine: Any, kernels: bytes | None) -> tuple[Any, Any | None]:
        return engine.create_execution_context(), None


class TensorRtRtx(TrtLibrary):
    """TensorRT-RTX: builds without a GPU, and compiles kernels for the GPU when the engine first runs.

    Its builder accepts a timing cache but does not use it and then requires a GPU (TensorRT-RTX guide, Timing Cache
    Migration), so there is none. Kernels compiled at run time are cached instead (Working with Runtime Cache).
    """

    title = "TensorRT-RTX"
    extra = "tensorrt-rtx"
    package = "tensorrt_rtx"
    builds_without_gpu = True

    def precisions(self, gpu: Gpu | None) -> tuple[str, ...]:
        return ("fp16", "int8") if gpu and gpu.capability < _FP32_ON_RTX else ("fp32", "fp16", "int8")

    def configure(self, config: Any, gpu: Gpu | None, timings: bytes | None) -> None:
        config.set_flag(self.trt.BuilderFlag.REQUIRE_USER_ALLOCATION)  # required for capturing a CUDA graph
        if gpu:
            config.num_compute_capabilities = 1
            config.set_compute_capability(self.trt.ComputeCapability.CURRENT, 0)

    def timings(self, config: Any) -> bytes | None:
        return None

    def context(self, engine: Any, kernels: bytes | None) -> tuple[Any, Any | None]:
        config = engine.create_runtime_config()
        compiled = config.create_runtime_cache()
        if kernels is not None and not compiled.deserialize(kernels):
            _log.info("the kernels of an earlier run are for another GPU or driver; they are compiled again")
        config.set_runtime_cache(compiled)
        return engine.create_execution_context(config), compiled


@cache
def load_library(library: type[TrtLibrary]) -> TrtLibrary:
    """The package, imported once per process.

    Raises:
        NotInstalledError: The package is not installed.
    """
    return library()


def _logger(trt: Any, messages: list[str]) -> Any:
    """An ILogger that collects errors and forwards everything to the log of tiernas."""

    class Logger(trt.ILogger):  # type: ignore[misc]  # the base is known at run time only
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR):
                messages.append(message)
            _log.debug("%s: %s", severity.name, message)

    return Logger()
