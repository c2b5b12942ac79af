"""Runners that are lost, with a runner that is started directly."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.devices.conftest import SHORT, NearHost

from tiernas.devices import RemoteDevice, connection
from tiernas.devices.connection import Connection
from tiernas.devices.link import EndedError
from tiernas.engines import TurnRule, get_engine
from tiernas.errors import TiernasError, UnreachableError, UsageError

LONG = TurnRule(relative_width=0.0, min_s=2.0, limit_s=2.0)


def soon(work: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(0.7, work)
    timer.start()
    return timer


@pytest.mark.slow
def test_a_killed_runner_is_started_again_and_the_measurement_repeated(
    host: NearHost, connection: Connection, tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="tiernas.devices.connection")
    engine = get_engine("onnxruntime", device=RemoteDevice(connection))
    with engine.compile(tiny) as network, engine.compile(tiny) as other:
        anchor = other.anchor("0" * 16)
        timer = soon(host.processes[0].kill)
        found = anchor.measure(network, LONG)
        timer.join()
        assert found.in_turn is not None
        assert found.in_turn.pairs >= 8
        assert len(host.processes) == 2
        assert [message.partition(";")[2] for message in caplog.messages[:1]] == [" connecting again"]
        assert caplog.messages[-1] == "near: connected again"
        assert anchor.measure(network, SHORT).in_turn is not None
        assert network.profile()
    assert len(host.processes) == 2


def test_a_runner_that_is_lost_every_time_at_one_place_is_given_up(host: NearHost, connection: Connection) -> None:
    def work(_: object) -> None:
        raise EndedError("", 139, ("Segmentation fault",))

    with pytest.raises(TiernasError, match=r"near: exit code 139 Segmentation fault; it is lost every time"):
        connection.repeat(work)
    assert len(host.processes) == 5
    connection.release([work])  # there is nothing to release, and nobody to ask


def test_a_device_that_is_gone_is_looked_for_and_then_given_up(host: NearHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_PATIENCE_S", 0.5)
    monkeypatch.setattr(connection, "_FIRST_PAUSE_S", 0.1)
    with Connection(host) as connected:
        assert connected.ask("state")
        host.program.unlink()  # a new one cannot be started
        host.processes[0].kill()
        with pytest.raises(UnreachableError, match=r"it did not come back within .* minutes\. The same"):
            connected.ask("state")
        assert len(host.processes) > 2


def test_a_device_that_comes_back_is_found(host: NearHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FIRST_PAUSE_S", 0.2)
    with Connection(host) as connected:
        away = host.program.rename(host.program.with_name("away.pyz"))
        host.processes[0].kill()
        timer = soon(lambda: away.rename(host.program))
        assert connected.ask("state")
        timer.join()


def test_another_machine_at_the_same_address_is_refused(host: NearHost, connection: Connection) -> None:
    connection._session.facts = {**connection.facts, "device": "another CPU"}
    host.processes[0].kill()
    with pytest.raises(UsageError, match=r"is another machine now: .* instead of another CPU"):
        connection.ask("state")
    assert [process.wait(timeout=30) is not None for process in host.processes] == [True, True]


def test_a_runner_that_does_not_start_is_one_message(host: NearHost) -> None:
    host.program.write_text("import sys; sys.exit('tiernas: not today')")
    with pytest.raises(UnreachableError, match="not today"):
        Connection(host)


def test_the_runner_ends_with_the_connection(host: NearHost) -> None:
    with Connection(host) as connected:
        assert connected.facts["protocol"] == 1
    (process,) = host.processes
    assert process.returncode == 0
    assert isinstance(process, subprocess.Popen)
