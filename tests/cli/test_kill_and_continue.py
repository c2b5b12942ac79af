"""Whatever is killed, whenever: the same command continues, and the result is that of an uninterrupted run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine, write_tiny

from tiernas.ledger import Candidate, Ledger, Outcome, Purpose, State

ONE_TIER = [("[0.1, 0.4, 0.8]", "[0.1, 0.4]"), ("epochs = 2", "epochs = 4"), ("trainings = 4", "trainings = 5")]


def rows(folder: Path, purpose: Purpose = Purpose.SEARCH) -> Sequence[Candidate]:
    path = folder / "run" / "ledger.sqlite"
    if not path.exists():
        return []
    with Ledger(path) as ledger:
        return [c for study in ledger.studies() for c in ledger.candidates(study, purpose)]


def wait_for(server: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert server.poll() is None, f"the server ended: {server.communicate()}"
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def ended(folder: Path, purpose: Purpose = Purpose.SEARCH) -> int:
    return sum(c.state is State.DONE for c in rows(folder, purpose))


def in_training(folder: Path) -> Sequence[Candidate]:
    return [c for c in rows(folder) if c.state is State.RUNNING and c.attempts[-1].epochs > 0]


@pytest.mark.timeout(900)
def test_kill_and_continue(tmp_path: Path, latency_table: Path) -> None:
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    for folder in (calm, stormy):
        folder.mkdir()
        write_tiny(folder, latency_table, changes=ONE_TIER)
    CommandLine(calm).run("search", "tiny.toml")

    command_line = CommandLine(stormy)
    server = command_line.start("search", "tiny.toml")  # killed while it trains its first candidates
    wait_for(server, lambda: bool(in_training(stormy)))
    server.kill()
    server.communicate()

    server = command_line.start("search", "tiny.toml")
    wait_for(server, lambda: ended(stormy) >= 1 and bool(in_training(stormy)))
    victim = in_training(stormy)
    if victim:
        os.kill(int(victim[0].attempts[-1].worker.rpartition(":")[2]), signal.SIGKILL)  # a worker
    wait_for(server, lambda: ended(stormy) >= 3)
    server.send_signal(signal.SIGINT)  # Ctrl-C: drains
    _, err = server.communicate(timeout=120)
    assert server.returncode == 1
    assert "everything is saved" in err
    assert not [c for c in rows(stormy) if c.state is State.RUNNING]

    server = command_line.start("search", "tiny.toml")  # killed somewhere near the end
    wait_for(server, lambda: ended(stormy) == 5)
    server.kill()
    server.communicate()
    command_line.run("search", "tiny.toml")

    expected, found = rows(calm), rows(stormy)
    assert [c.vector for c in found] == [c.vector for c in expected]
    assert [c.accuracy for c in found] == [c.accuracy for c in expected]
    outcomes = [a.outcome for c in (*found, *rows(stormy, Purpose.FINAL)) for a in c.attempts]
    assert Outcome.RUNNING not in outcomes
    assert Outcome.LOST in outcomes
    assert Outcome.FAILED in outcomes or not victim
    for candidate in found:
        assert [a.outcome for a in candidate.attempts].count(Outcome.DONE) == 1
    assert ended(stormy, Purpose.FINAL) == 1


def test_a_second_server_on_the_same_study_is_refused(tmp_path: Path, latency_table: Path) -> None:
    write_tiny(tmp_path, latency_table, changes=[("epochs = 2", "epochs = 2000")])
    command_line = CommandLine(tmp_path)
    server = command_line.start("search", "tiny.toml")
    try:
        wait_for(server, lambda: bool(rows(tmp_path)))
        message = command_line.run("search", "tiny.toml", exit_code=2)
        assert f"process {server.pid} on " in message
        server.send_signal(signal.SIGINT)
        time.sleep(0.5)
        server.send_signal(signal.SIGINT)  # twice: stops at once
        assert server.wait(timeout=30) == 1
    finally:
        server.kill()
        server.communicate()
