"""Devices: this machine with a runner that is started directly, and this machine over ssh."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiernas.devices import RemoteDevice
from tiernas.devices.connection import Connection
from tiernas.devices.host import Host
from tiernas.devices.link import EndedError
from tiernas.doctor.tiny_network import write_tiny_network
from tiernas.engines import TurnRule
from tiernas.errors import TiernasError, UnreachableError
from tiernas.runner.pyz import write_runner
from tiernas.testing.sshd import NoSshdError, SshServer, run_sshd

SHORT = TurnRule(relative_width=0.5, min_s=0.05, limit_s=0.2)
"""A rule of measurements whose result does not matter."""


class NearHost(Host):
    """This machine, on which a runner is started directly.

    Args:
        folder: A folder for the runner and its cache.
    """

    def __init__(self, folder: Path) -> None:
        self.address = "near"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.program = folder / "runner.pyz"
        self._cache = folder / "cache"
        write_runner(self.program)

    def start(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, "-I", self.program],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(self._cache)},
        )
        self.processes.append(process)
        return process

    def lacks_runner(self, ended: EndedError) -> bool:
        return False

    def install(self) -> None:
        raise NotImplementedError

    def failure(self, ended: EndedError) -> TiernasError:
        return UnreachableError(f"{self.address}: {ended} {ended.last_words}")


@pytest.fixture
def host(tmp_path: Path) -> NearHost:
    return NearHost(tmp_path)


@pytest.fixture
def connection(host: NearHost) -> Iterator[Connection]:
    with Connection(host) as connected:
        yield connected


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteDevice]:
    """A device that several tests share."""
    with Connection(NearHost(tmp_path_factory.mktemp("near"))) as connected:
        yield RemoteDevice(connected)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network as ONNX."""
    path = tmp_path_factory.mktemp("networks") / "tiny.onnx"
    write_tiny_network(path)
    return path


@pytest.fixture(scope="module")
def _server() -> Iterator[SshServer]:
    try:
        with run_sshd() as server:
            yield server
    except NoSshdError as error:
        pytest.skip(str(error))


@pytest.fixture
def kitchen(_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> SshServer:
    """A server, which `ssh` of this test finds as `kitchen`."""
    monkeypatch.setenv("PATH", f"{_server.bin}:{os.environ['PATH']}")
    return _server
