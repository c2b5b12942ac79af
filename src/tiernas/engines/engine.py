"""The interface of deployment engines."""

from __future__ import annotations

import abc
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar

from tiernas.engines.calibration import FloatArray
from tiernas.engines.clock.anchor import Anchor
from tiernas.engines.clock.in_turn import LocalAnchor
from tiernas.engines.clock.turns import about_ms
from tiernas.engines.fingerprint import Fingerprint, cpu_device, cpu_flags, cpu_governor
from tiernas.engines.lock import device_lock
from tiernas.engines.saved import SavedNetwork
from tiernas.engines.timed import TimedNetwork
from tiernas.errors import UsageError

if TYPE_CHECKING:
    from typing import Self


@dataclass(frozen=True)
class NodeTime:
    """Mean time of one node that the engine executes.

    Attributes:
        name: Its name in the engine. It contains the name of the ONNX node that the engine's node starts with, such as
            `/blocks/blocks.3/body/body.0/Conv`; the name of a layout conversion ends with its consumer.
        time_ms: Mean time of one run, in ms.
    """

    name: str
    time_ms: float


class CompiledNetwork(TimedNetwork):
    """A network compiled by an engine; a context manager that frees it at the end.

    Attributes:
        fingerprint: What it runs on.
        input_shape: Shape of the images, NCHW.
    """

    is_here: ClassVar[bool] = True
    """Whether it runs on this machine."""

    can_run: ClassVar[bool] = True
    """Whether it can be run from here; not on a device without a connection."""

    input_shape: tuple[int, int, int, int]

    @abc.abstractmethod
    def run(self, images: FloatArray) -> FloatArray:
        """Logits (`batch x classes`) of images (`input_shape`).

        Raises:
            UsageError: The images have the wrong shape.
        """

    def require_shape(self, images: FloatArray) -> None:
        """Refuses images that are not of `input_shape`.

        Raises:
            UsageError: They have a different shape.
        """
        if images.shape != self.input_shape:
            raise UsageError(f"images of shape {images.shape}: the network takes {self.input_shape}")

    def about_ms(self) -> float:
        """Its approximate latency, from a few inferences."""
        return about_ms(self)

    def anchor(self, name: str, known_ms: float | None = None) -> Anchor:
        """This network as an anchor, against which others on its device are measured.

        Args:
            name: Its name in records: `graph_digest` of its ONNX graph.
            known_ms: Its undisturbed latency if known from longer observation than this session.
        """
        return LocalAnchor(self, name, known_ms)

    def exclusively(self) -> AbstractContextManager[None]:
        """A context in which nothing else is measured on its device, whoever started it."""
        return device_lock(self.fingerprint.device_slug)

    @abc.abstractmethod
    def profile(self) -> Sequence[NodeTime]:
        """Times of the nodes that are actually executed, in execution order.

        They are means over some hundred milliseconds of runs. Profiling itself takes time, so the sum may differ from
        the latency that is measured; call in the context `exclusively`. A runtime that cannot time its nodes returns
        none; latency tables are then fitted to whole networks alone.
        """

    @abc.abstractmethod
    def save(self, folder: Path) -> SavedNetwork:
        """Writes exactly this network for deployment, with its precision and quantization, in the runtime's format.

        Args:
            folder: An empty folder.

        Returns:
            The files and how to run them; opened by the loader they produce the same logits as `run`.
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
    """Name of the engine in `get_engine`."""

    recipe: ClassVar[str] = "1"
    """Version of the engine's own code; changed whenever it passes different networks to the runtime or runs them
    differently."""

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
        """The precisions that the engine can actually run on this device, most exact first.

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
        """`package.module:Class` of an engine that is not built in, for its fingerprint; otherwise None."""
        kind = type(self)
        return None if kind.__module__.startswith("tiernas.") else f"{kind.__module__}:{kind.__qualname__}"

    @abc.abstractmethod
    def fingerprint(self) -> Fingerprint:
        """What a measured latency depends on, besides the network; includes `name` and `plugin`."""

    def cpu_fingerprint(
        self, engine_version: str, *, options: Mapping[str, object] | None = None, quantizer: str | None = None
    ) -> Fingerprint:
        """The fingerprint of an engine that runs on this machine's CPU.

        Args:
            engine_version: Version of the runtime.
            options: Options of the runtime, without the number of threads, which the fingerprint contains already.
            quantizer: Name and version of what creates int8 networks; used only at that precision.
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

    def load(self, path: Path) -> CompiledNetwork:
        """Loads a network that was prepared for this engine, perhaps elsewhere; needs the runtime and NumPy alone.

        An engine whose networks can be measured on other devices overrides it.

        Args:
            path: An ONNX file in this precision, with fixed shapes, if the runtime reads such files; or the first of
                the files that a network of this engine saved (`CompiledNetwork.save`).

        Raises:
            UsageError: The runtime cannot run the file, or the engine loads no files.
        """
        raise UsageError(f"engine {self.name!r} loads no prepared networks: {path}")

    def quantize(
        self, onnx_path: Path, folder: Path, flags: Sequence[str], calibration: FloatArray | None = None
    ) -> tuple[str, ...]:
        """Writes an int8 network for another device of this engine.

        An engine that loads networks (`load`) and has int8 overrides it.

        Args:
            onnx_path: The network, as in `compile`.
            folder: An empty folder.
            flags: CPU flags of that device (`Fingerprint.flags`).
            calibration: Images, as in `compile`.

        Returns:
            Names of the files; `load` takes the first one.

        Raises:
            UsageError: As in `compile`, or the engine has no int8 for other devices.
            NotInstalledError: What quantizes networks is not installed here.
        """
        raise UsageError(f"engine {self.name!r} quantizes no networks for other devices: {onnx_path}")

    @classmethod
    def saved(cls, files: Sequence[str], fingerprint: Fingerprint) -> SavedNetwork:
        """How files of this engine are run; for networks that were measured on another device.

        An engine that loads networks (`load`) overrides it.

        Args:
            files: Names of the files that `load` takes, or that a network saved; the first one is loaded.
            fingerprint: What they were measured on.
        """
        raise UsageError(f"engine {cls.name!r} loads no prepared networks: {', '.join(files)}")

    @abc.abstractmethod
    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> CompiledNetwork:
        """Compiles an ONNX file with one input, images of fixed shape, and one output.

        Args:
            onnx_path: The file, in fp32; the engine converts it to its own precision.
            calibration: Images for int8, as in `tiernas.engines.calibration_images`; other precisions ignore them.
                Without them, an int8 network has the latency of a calibrated one but a useless accuracy.

        Raises:
            UsageError: The file is missing, is not a network that the engine can run, has dynamic shapes, or was
                exported for another batch size; or the calibration images are unsuitable.
        """
