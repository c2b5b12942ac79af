"""Engines on another device."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from tiernas.devices.connection import Connection
from tiernas.devices.network import RemoteNetwork
from tiernas.devices.preparing import prepare, quantizer_of
from tiernas.engines import Engine, Fingerprint
from tiernas.engines.calibration import FloatArray
from tiernas.temporary import owned_folder


class RemoteEngine(Engine):
    """An engine whose networks run on another device; its subclasses are made by `remote_engine`.

    Networks are exported and quantized here. Latencies are measured there, under the lock of that device.
    """

    _connection: ClassVar[Connection]
    _offered: ClassVar[tuple[str, ...]]

    def __init__(self, precision: str = "fp32", batch: int = 1, threads: int = 1) -> None:
        self.precision, self.batch, self.threads = precision, batch, threads
        self._settings: dict[str, Any] = {
            "engine": self.name,
            "precision": precision,
            "batch": batch,
            "threads": threads,
        }
        found = self._connection.ask("fingerprint", **self._settings)["fingerprint"]  # refuses wrong settings
        self._fingerprint = dataclasses.replace(
            Fingerprint.from_dict(found), quantizer=quantizer_of(self.name, precision, batch)
        )

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return cls._offered

    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> RemoteNetwork:
        with ExitStack() as stack:
            folder = stack.enter_context(owned_folder("tiernas-device-"))
            flags = self._fingerprint.flags
            files = prepare(self.name, self.precision, self.batch, flags, onnx_path, folder, calibration)
            paths = [folder / name for name in files]
            return RemoteNetwork(self._connection, self._settings, self._fingerprint, paths, stack)


def remote_engine(connection: Connection, engine_name: str, precisions: tuple[str, ...]) -> type[RemoteEngine]:
    """The class of an engine on a device.

    Args:
        connection: The device.
        engine_name: Name of the engine.
        precisions: Precisions that it has there.
    """

    class There(RemoteEngine):
        name = engine_name
        _connection = connection
        _offered = precisions

    return There
