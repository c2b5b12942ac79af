"""What every deployment engine offers."""

from __future__ import annotations

import abc
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from tiernas.engines.calibration import FloatArray
from tiernas.engines.fingerprint import Fingerprint, cpu_device, cpu_flags, cpu_governor
from tiernas.engines.saved import SavedNetwork
from tiernas.errors import UsageError


@dataclass(frozen=True, slots=True)
class NodeTime:
    """Mean time of one node that the engine runs.

    Attributes:
        name: Its name in the engine. It holds the name of the ONNX node that the engine's node starts with, such as
            `/blocks/blocks.3/body/body.0/Conv`; a node that converts a layout holds the name of its consumer last.
        time_ms: Mean time of one run, in ms.
    """

    name: str
    time_ms: float


class CompiledNetwork(abc.ABC):
    """A network that an engine has compiled; a context manager that frees it at the end.

    Attributes:
        fingerprint: What it runs on.
        input_shape: Shape of the images, NCHW.
    """

    fingerprint: Fingerprint
    input_shape: tuple[int, int, int, int]

    @abc.abstractmethod
    def run(self, images: FloatArray) -> FloatArray:
        """Logits (`batch x classes`) of images (`input_shape`).

        Raises:
            UsageError: The images have another shape.
        """

    def require_shape(self, images: FloatArray) -> None:
        """Refuses images that are not of `input_shape`.

        Raises:
            UsageError: They have another shape.
        """
        if images.shape != self.input_shape:
            raise UsageError(f"images of shape {images.shape}: the network takes {self.input_shape}")

    @abc.abstractmethod
    def infer(self) -> None:
        """Runs once on prepared buffers, without copies from or to the host, and waits for the end."""

    def time_ns(self) -> int:
        """Runs once like `infer` and returns how long it took, in ns; what `tiernas.engines.measure` calls.

        By the clock of the host; an engine overrides it where the device has a better one (events of a GPU).
        """
        start = time.perf_counter_ns()
        self.infer()
        return time.perf_counter_ns() - start

    def device_state(self) -> Mapping[str, Any]:
        """What the device was doing right now that a latency depends on: clocks, power, throttling; for JSON.

        Read before and after timing. Empty where the device does not tell.
        """
        return {}

    @abc.abstractmethod
    def reload(self) -> None:
        """Loads the network anew: its weights as the engine packs them, and its buffers, lie elsewhere in memory.

        What was decided when it was compiled stays: nothing is quantised again, and kernels that were chosen by timing
        are not chosen again. Where a network lies may change its latency, so a long measurement (`TurnRule.reload_s`)
        has several loads. An engine that cannot do all of it does what it can, and says so.
        """

    @abc.abstractmethod
    def profile(self) -> Sequence[NodeTime]:
        """Times of the nodes that really run, in the order they run.

        They are means over some hundred milliseconds of runs. Profiling costs time of its own, so the sum may
        differ from the latency that `tiernas.engines.measure` finds; call under `device_lock`.
        """

    @abc.abstractmethod
    def save(self, folder: Path) -> SavedNetwork:
        """Writes what is deployed: this very network, with its precision and its quantisation, as the runtime reads it.

        Args:
            folder: An empty folder.

        Returns:
            The files and how they are run; loaded by the runner they give the logits that `run` gives.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Frees the compiled network; called once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Engine(abc.ABC):
    """A deployment runtime with a precision, on a device.

    Args:
        precision: One of `precisions()`.
        batch: Images per inference.
        threads: Threads of one inference.

    Raises:
        UsageError: The engine cannot run the precision on this device, or batch or threads are out of range.
        NotInstalledError: The runtime is not installed.
    """

    name: ClassVar[str]
    """Name by which `get_engine` finds the engine."""

    recipe: ClassVar[str] = "1"
    """Changed whenever the engine's own code hands the runtime other networks, or runs them otherwise, than before."""

    def __init__(self, precision: str = "fp32", batch: int = 1, threads: int = 1) -> None:
        allowed = self.precisions()
        if precision not in allowed:
            raise UsageError(f"precision {precision!r}: {self.name} runs {', '.join(allowed)} on this device")
        if batch < 1:
            raise UsageError(f"batch = {batch}: must be at least 1")
        cores = os.cpu_count() or 1
        if not 1 <= threads <= cores:
            raise UsageError(f"threads = {threads}: must be from 1 to {cores}, the cores of this device")
        self.precision = precision
        self.batch = batch
        self.threads = threads

    @classmethod
    @abc.abstractmethod
    def precisions(cls) -> tuple[str, ...]:
        """The precisions that the engine can really run on this device, the most exact first.

        Raises:
            NotInstalledError: The runtime is not installed.
        """

    def more_exact(self) -> Self | None:
        """The engine with its next more exact precision, all else equal; None if there is none."""
        precisions = self.precisions()
        place = precisions.index(self.precision)
        return type(self)(precisions[place - 1], self.batch, self.threads) if place else None

    @property
    def plugin(self) -> str | None:
        """`package.module:Class` of an engine that does not come with tiernas, for its fingerprint; else None."""
        kind = type(self)
        return None if kind.__module__.startswith("tiernas.") else f"{kind.__module__}:{kind.__qualname__}"

    @abc.abstractmethod
    def fingerprint(self) -> Fingerprint:
        """What a measured latency depends on, besides the network; `name` and `plugin` are in it."""

    def cpu_fingerprint(
        self, engine_version: str, *, options: Mapping[str, object] | None = None, quantizer: str | None = None
    ) -> Fingerprint:
        """The fingerprint of an engine that runs on this machine's CPU.

        Args:
            engine_version: Version of the runtime.
            options: What the runtime is told; the number of threads stands in the fingerprint already.
            quantizer: What makes its int8 networks, with its version; only told at that precision.
        """
        return Fingerprint(
            device=cpu_device(),
            engine=self.name,
            engine_version=engine_version,
            precision=self.precision,
            batch=self.batch,
            threads=self.threads,
            flags=cpu_flags(),
            recipe=self.recipe,
            options=" ".join(f"{name}={value}" for name, value in sorted(options.items())) if options else None,
            quantizer=quantizer if self.precision == "int8" else None,
            governor=cpu_governor(),
            plugin=self.plugin,
        )

    @abc.abstractmethod
    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> CompiledNetwork:
        """Compiles an ONNX file with one input, images of fixed shape, and one output.

        Args:
            onnx_path: The file, in fp32; the engine makes its own precision of it.
            calibration: Images for int8, as `tiernas.engines.calibration_images` takes them; other precisions
                ignore them. Without any, int8 has the latency of a calibrated network and a useless accuracy.

        Raises:
            UsageError: The file is missing, is no network that the engine can run, has dynamic shapes, or was
                exported for another batch; the calibration images do not fit.
        """
