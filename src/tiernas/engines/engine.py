"""What every deployment engine offers."""

from __future__ import annotations

import abc
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from tiernas.engines.fingerprint import Fingerprint
from tiernas.errors import UsageError

FloatArray = npt.NDArray[np.float32]


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

    @abc.abstractmethod
    def infer(self) -> None:
        """Runs once on prepared buffers, without copies from or to the host; what is timed."""

    @abc.abstractmethod
    def profile(self) -> Sequence[NodeTime]:
        """Times of the nodes that really run, in the order they run.

        They are means over some hundred milliseconds of runs. Profiling costs time of its own, so the sum may
        differ from the latency that `tiernas.engines.measure` finds; call under `device_lock`.
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

    @abc.abstractmethod
    def fingerprint(self) -> Fingerprint:
        """What a measured latency depends on, besides the network."""

    @abc.abstractmethod
    def compile(self, onnx_path: Path) -> CompiledNetwork:
        """Compiles an ONNX file with one input, images of fixed shape, and one output.

        Raises:
            UsageError: The file is missing, is no network that the engine can run, has dynamic shapes, or was
                exported for another batch.
        """
