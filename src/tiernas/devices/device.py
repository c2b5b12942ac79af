"""Devices that are reached from here."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tiernas.devices.address import SshAddress
from tiernas.devices.connection import Connection
from tiernas.devices.engine import RemoteEngine, remote_engine
from tiernas.devices.link import answered_error
from tiernas.devices.ssh import SshHost
from tiernas.engines import Device
from tiernas.errors import UsageError
from tiernas.runner.boot import boot_id
from tiernas.runner.runtimes import RUNTIMES

_CLOCK_S = 60.0
"""A clock that differs by more than this is wrong; a slow start of the runner differs by some seconds."""

_log = logging.getLogger(__name__)


class RemoteDevice(Device):
    """A device with a runner.

    Args:
        connection: The device.
    """

    def __init__(self, connection: Connection) -> None:
        self.address = connection.address
        self._connection = connection

    @property
    def facts(self) -> Mapping[str, Any]:
        """What it told of itself (`tiernas.runner.facts.who_it_is`)."""
        return self._connection.facts

    def load_and_settings(self) -> Mapping[str, Any]:
        """What would disturb measurements there (`tiernas.runner.facts.load_and_settings`)."""
        return self._connection.ask("system")

    def engine_names(self) -> tuple[str, ...]:
        return tuple(RUNTIMES)

    def engine(self, name: str) -> type[RemoteEngine]:
        if name not in RUNTIMES:
            raise UsageError(f"engine {name!r}: on {self.address} there can be {', '.join(RUNTIMES)}")
        found = self._connection.ask("engines", names=[name])[name]
        if "error" in found:
            raise answered_error(self.address, found["error"])
        return remote_engine(self._connection, name, tuple(found["precisions"]))


@contextmanager
def open_device(address: str | None) -> Iterator[RemoteDevice | None]:
    """A device, with a runner that is ended with the context; None for this machine.

    Args:
        address: `ssh://[USER@]HOST[:PORT]`, or None for this machine.

    Raises:
        UsageError: The address is none, or something must be changed here or there first; the message says what.
        UnreachableError: The device does not respond.
    """
    if address is None:
        yield None
        return
    with Connection(SshHost(SshAddress.parse(address))) as connection:
        for warning in warnings_of(connection.facts, time.time()):
            _log.warning("%s: %s", connection.address, warning)
        yield RemoteDevice(connection)


def warnings_of(facts: Mapping[str, Any], now_s: float) -> Iterator[str]:
    """What is odd about a device, in words.

    Args:
        facts: What it told of itself.
        now_s: The time here, in s.
    """
    if facts["boot"] is not None and facts["boot"] == boot_id():
        yield "is this machine; without an address, it is measured without a connection"
    behind_s = now_s - facts["time_s"]
    if abs(behind_s) > _CLOCK_S:
        yield (
            f"its clock is {_duration(abs(behind_s))} {'behind' if behind_s > 0 else 'ahead'}; records have the time "
            "of this machine"
        )


def _duration(seconds: float) -> str:
    for unit, length_s in (("days", 86400), ("hours", 3600)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds / 60:.0f} minutes"
