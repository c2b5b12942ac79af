"""The networks that are open on the device, and their measurements."""

from __future__ import annotations

import contextlib
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from tiernas.engines.calibration import FloatArray
from tiernas.engines.clock.anchor import Anchor, Trace
from tiernas.engines.clock.rule import TurnRule
from tiernas.engines.engine import CompiledNetwork, NodeTime
from tiernas.engines.lock import device_lock
from tiernas.engines.measurement import Measurement
from tiernas.engines.other_work import spare_cores_of
from tiernas.engines.timing import StopRule, measure
from tiernas.errors import UsageError
from tiernas.runner.device_state import DeviceState, disturbances, read_state
from tiernas.runner.runtimes import engine_class

_FILE_NAME = re.compile(r"network\.[a-z0-9]{1,8}")
"""Names of the files of a network; OpenVINO finds the second one by the name of the first."""


@dataclass(frozen=True)
class MeasuredThere:
    """A measurement on a device.

    Attributes:
        measurement: The measurement.
        before: The device before it.
        after: The device after it.
        disturbed: What disturbed it, in words; empty if nothing did.
        tries: How often the network was measured for it.
    """

    measurement: Measurement
    before: DeviceState
    after: DeviceState
    disturbed: tuple[str, ...]
    tries: int


@dataclass(frozen=True)
class Repetition:
    """How often a disturbed measurement is done again.

    Attributes:
        tries: Measurements at most.
        pause_s: Time between two of them, in which the device can cool down.
    """

    tries: int = 3
    pause_s: float = 5.0


class FileSource(Protocol):
    """Where the files of networks come from."""

    def path(self, digest: str) -> Path:
        """A file by its SHA-256.

        Raises:
            UsageError: There is none.
        """


class OpenNetworks:
    """Networks and anchors, by the handles that requests refer to them with.

    Args:
        kept: Their files.
        folder: An empty folder; each network has a folder in it, because its files must have certain names.
    """

    def __init__(self, kept: FileSource, folder: Path) -> None:
        self._kept = kept
        self._folder = folder
        self._networks: dict[int, CompiledNetwork] = {}
        self._anchors: dict[int, Anchor] = {}
        self._anchored: dict[int, int] = {}  # the network of each anchor
        self._handles = 0
        self._patience: int | None = None

    def open(self, engine: str, precision: str, batch: int, threads: int, files: Mapping[str, str]) -> int:
        """Loads a network.

        Args:
            engine: Name of the engine.
            precision: Its precision.
            batch: Images per inference.
            threads: Threads of one inference.
            files: SHA-256 of each file by its name; the first one is loaded.

        Returns:
            Its handle.
        """
        if not files:
            raise UsageError("files: there must be at least one")
        for name in files:
            if not _FILE_NAME.fullmatch(name):
                raise UsageError(f"files: {name!r} must be `network` with a suffix")
        runtime = engine_class(engine)(precision, batch, threads)
        self._handles += 1
        folder = self._folder / str(self._handles)
        folder.mkdir()
        try:
            for name, digest in files.items():
                _place(self._kept.path(digest), folder / name)
            with device_lock(runtime.fingerprint().device_slug):  # loading would disturb the measurement of another one
                self._networks[self._handles] = runtime.load(folder / next(iter(files)))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return self._handles

    def about_ms(self, handle: int) -> float:
        """The approximate latency of a network."""
        network = self.network(handle)
        with network.exclusively():
            return network.about_ms()

    def run(self, handle: int, images: str) -> FloatArray:
        """Logits of a network.

        Args:
            handle: The network.
            images: SHA-256 of a file with the images: little-endian float32 in the order of the network's input.
        """
        network = self.network(handle)
        content = self._kept.path(images).read_bytes()
        if len(content) != 4 * math.prod(network.input_shape):
            raise UsageError(f"images: {len(content)} bytes; {network.input_shape} float32 numbers take another size")
        with network.exclusively():
            return network.run(np.frombuffer(content, "<f4").reshape(network.input_shape).astype(np.float32))

    def anchor(self, handle: int, name: str, known_ms: float | None) -> tuple[int, float]:
        """Makes an anchor of a network; it is gone when the network is closed.

        Returns:
            The anchor's handle, and its approximate latency in ms.
        """
        network = self.network(handle)
        with network.exclusively():
            anchor = network.anchor(name, known_ms)
        self._handles += 1
        self._anchors[self._handles] = anchor
        self._anchored[self._handles] = handle
        return self._handles, anchor.about_ms

    def network(self, handle: int) -> CompiledNetwork:
        """An open network."""
        if handle not in self._networks:
            raise UsageError(f"there is no open network {handle}")
        return self._networks[handle]

    def measure(self, handle: int, rule: StopRule, repetition: Repetition) -> MeasuredThere:
        """Measures a network alone."""
        network = self.network(handle)
        return self._measured(network, lambda: measure(network, rule), repetition)

    def measure_in_turn(self, handle: int, anchor: int, rule: TurnRule, repetition: Repetition) -> MeasuredThere:
        """Measures a network interleaved with an anchor."""
        network, opponent = self.network(handle), self._anchor(anchor)
        return self._measured(network, lambda: opponent.measure(network, rule), repetition)

    def trace(self, handle: int, anchor: int, duration_s: float) -> Trace:
        """The turns of a network and an anchor over some time."""
        return self._anchor(anchor).trace(self.network(handle), duration_s)

    def profile(self, handle: int) -> list[NodeTime]:
        """The times of a network's nodes."""
        network = self.network(handle)
        with network.exclusively():
            return list(network.profile())

    def close(self, handle: int) -> None:
        """Frees a network and drops its anchors, or drops an anchor."""
        if handle in self._anchors:
            self._drop(handle)
            return
        network = self.network(handle)
        for anchor in [anchor for anchor, anchored in self._anchored.items() if anchored == handle]:
            self._drop(anchor)
        del self._networks[handle]
        network.close()
        shutil.rmtree(self._folder / str(handle), ignore_errors=True)

    def close_all(self) -> None:
        """Frees all networks."""
        for handle in list(self._networks):
            self.close(handle)

    def _measured(
        self, network: CompiledNetwork, measure_once: Callable[[], Measurement], repetition: Repetition
    ) -> MeasuredThere:
        """A measurement, repeated if it was disturbed; less often where the last one was disturbed every time."""
        tries = repetition.tries if self._patience is None else min(repetition.tries, self._patience)
        found = _undisturbed(network, measure_once, replace(repetition, tries=tries))
        self._patience = max(1, tries - 1) if found.disturbed else None
        return found

    def _drop(self, anchor: int) -> None:
        del self._anchors[anchor], self._anchored[anchor]

    def _anchor(self, handle: int) -> Anchor:
        if handle not in self._anchors:
            raise UsageError(f"there is no anchor {handle}")
        return self._anchors[handle]


def _undisturbed(
    network: CompiledNetwork, measure_once: Callable[[], Measurement], repetition: Repetition
) -> MeasuredThere:
    """The first measurement that nothing disturbed, or else the one with the narrowest interval."""
    spare_cores = spare_cores_of(network.fingerprint.threads)
    found: list[MeasuredThere] = []
    while True:
        with device_lock(network.fingerprint.device_slug):
            before = read_state()
            measurement = measure_once()
            after = read_state()
        disturbed = disturbances(before, after, measurement, spare_cores)
        found.append(MeasuredThere(measurement, before, after, disturbed, len(found) + 1))
        if not disturbed:
            return found[-1]
        if len(found) >= repetition.tries:
            best = min(found, key=lambda each: each.measurement.width)
            return MeasuredThere(best.measurement, best.before, best.after, best.disturbed, len(found))
        time.sleep(repetition.pause_s)


def _place(kept: Path, path: Path) -> None:
    """Gives a kept file a second name, or copies it where that is impossible."""
    with contextlib.suppress(OSError):
        os.link(kept, path)
        return
    shutil.copyfile(kept, path)
