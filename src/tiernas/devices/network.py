"""Networks that are compiled, measured and run on another device."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tiernas.devices.connection import Connection
from tiernas.devices.link import LIMIT_S
from tiernas.devices.session import Session
from tiernas.engines import Anchor, CompiledNetwork, Fingerprint, Measurement, NodeTime, SavedNetwork, TurnRule
from tiernas.engines.calibration import FloatArray
from tiernas.engines.catalogue import ENGINES
from tiernas.engines.clock import Trace
from tiernas.engines.clock.level import Level
from tiernas.engines.clock.ratio import Pairs
from tiernas.engines.timed import TimedNetwork
from tiernas.errors import TiernasError
from tiernas.runner.networks import Repetition

_log = logging.getLogger(__name__)


class RemoteNetwork(CompiledNetwork):
    """A network on another device; it is opened again there if the runner is lost.

    Args:
        connection: The device.
        settings: `engine`, `precision`, `batch` and `threads`, as fields of a request.
        fingerprint: What it runs on.
        files: Its files, the one that is loaded first; they are sent once.
        resources: What must exist as long as the network; taken over.

    Raises:
        UsageError: The runtime there cannot run it, or the device has no room for it.
    """

    is_here: ClassVar[bool] = False

    def __init__(
        self,
        connection: Connection,
        settings: Mapping[str, Any],
        fingerprint: Fingerprint,
        files: Sequence[Path],
        resources: ExitStack,
    ) -> None:
        self.fingerprint = fingerprint
        self._connection = connection
        self._settings = settings
        self._files = files
        self._digests = {path.name: _digest(path) for path in files}
        self._anchors: list[RemoteAnchor] = []
        self._closed = False
        connection.repeat(self.handle)
        self._resources = resources.pop_all()

    def handle(self, session: Session) -> int:
        """Its handle in a session, in which it is opened on first use."""
        assert not self._closed, "the network was closed"
        if self not in session.handles:
            session.send({self._digests[path.name]: path for path in self._files})
            opened = session.ask("open", files=self._digests, **self._settings)
            batch, channels, height, width = opened["input_shape"]
            self.input_shape = (batch, channels, height, width)
            session.handles[self] = opened["network"]
        return session.handles[self]

    def run(self, images: FloatArray) -> FloatArray:
        self.require_shape(images)
        with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
            path = Path(folder) / "images"
            path.write_bytes(images.astype("<f4").tobytes())
            digest = _digest(path)

            def run_there(session: Session) -> Mapping[str, Any]:
                session.send({digest: path})
                return session.ask("run", network=self.handle(session), images=digest)

            return np.array(self._connection.repeat(run_there)["logits"], np.float32)

    def infer(self) -> None:
        """Not possible.

        Raises:
            TiernasError: Always.
        """
        raise TiernasError(
            f"{self._connection.address}: single inferences cannot be timed from here; measure with `anchor` instead"
        )

    def reload(self) -> None:
        self._connection.release([*self._anchors, self])
        self._connection.repeat(self.handle)

    def about_ms(self) -> float:
        found = self._connection.repeat(lambda session: session.ask("about", network=self.handle(session)))
        return float(found["about_ms"])

    def anchor(self, name: str, known_ms: float | None = None) -> Anchor:
        anchor = RemoteAnchor(self._connection, self, name, known_ms)
        self._anchors.append(anchor)
        return anchor

    def exclusively(self) -> AbstractContextManager[None]:
        """Nothing to wait for: the device's own lock is held there during each measurement."""
        return nullcontext()

    def profile(self) -> Sequence[NodeTime]:
        found = self._connection.repeat(lambda session: session.ask("profile", network=self.handle(session)))
        return [NodeTime(node["name"], node["time_ms"]) for node in found["nodes"]]

    def save(self, folder: Path) -> SavedNetwork:
        """Writes the files that were sent to the device."""
        for path in self._files:
            shutil.copyfile(path, folder / path.name)
        return ENGINES.load(self.fingerprint.engine).saved(list(self._digests), self.fingerprint)

    def close(self) -> None:
        self._closed = True  # neither it nor its anchors are opened again
        self._connection.release([*self._anchors, self])
        self._resources.close()


class RemoteAnchor(Anchor):
    """An anchor on another device, with its latencies observed there as long as the runner lives.

    Args:
        connection: The device.
        network: The network; its owner closes it.
        name: Its name in records: `graph_digest` of its ONNX graph.
        known_ms: Its undisturbed latency if known from longer observation.
    """

    def __init__(self, connection: Connection, network: RemoteNetwork, name: str, known_ms: float | None) -> None:
        self.name = name
        self._connection = connection
        self._network = network
        self._known = {} if known_ms is None else {"known_ms": known_ms}
        self._about_ms = 0.0
        connection.repeat(self.handle)

    def handle(self, session: Session) -> int:
        """Its handle in a session, in which it is made on first use."""
        if self not in session.handles:
            made = session.ask("anchor", network=self._network.handle(session), name=self.name, **self._known)
            self._about_ms = float(made["about_ms"])
            session.handles[self] = made["anchor"]
        return session.handles[self]

    @property
    def about_ms(self) -> float:
        return self._about_ms

    def measure(self, network: TimedNetwork, rule: TurnRule | None = None) -> Measurement:
        """Measures a network on the device of this anchor, again if something disturbed it.

        The state of the device before and after, and what disturbed every try, are in `Measurement.device_state`. The
        time of the measurement is that of this machine.
        """
        rule, repetition = rule or TurnRule(), Repetition()
        limit_s = LIMIT_S + repetition.tries * (rule.longest_s + repetition.pause_s)
        found = self._ask("measure_in_turn", network, limit_s, rule=dataclasses.asdict(rule))
        if found["disturbed"]:
            _log.info("%s: a measurement was disturbed: %s", self._connection.address, "; ".join(found["disturbed"]))
        return _measurement(found)

    def trace(self, network: TimedNetwork, duration_s: float) -> Trace:
        found = self._ask("trace", network, LIMIT_S + duration_s, duration_s=duration_s)
        pairs = {name: np.array(values, np.float64) for name, values in found["pairs"].items()}
        return Trace(Pairs(**pairs), Level(**found["level"]))

    def _ask(self, do: str, network: TimedNetwork, limit_s: float, **fields: Any) -> Mapping[str, Any]:
        assert isinstance(network, RemoteNetwork), "the network is not on the device of its anchor"
        return self._connection.repeat(
            lambda session: session.ask(
                do, network=network.handle(session), anchor=self.handle(session), limit_s=limit_s, **fields
            )
        )


def _measurement(found: Mapping[str, Any]) -> Measurement:
    """A measurement from an answer."""
    measured = Measurement.from_dict(found["measurement"])
    assert measured.in_turn is not None
    state: dict[str, Any] = {
        moment: {**found[moment], **measured.device_state.get(moment, {})} for moment in ("before", "after")
    }
    if found["disturbed"]:
        state |= {"disturbed": found["disturbed"], "tries": found["tries"]}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return dataclasses.replace(
        measured, device_state=state, in_turn=dataclasses.replace(measured.in_turn, measured_at=now)
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
