"""Whatever is killed, whenever: the same command continues, and the result is that of an uninterrupted run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import CommandLine, write_tiny

from tiernas.ledger import Candidate, Ledger, Outcome, Purpose, State

CHAOS = [
    ("TWO_TIERS", "ONE_TIER"),
    ("epochs = 2", "epochs = 8"),
    ("epochs = 3", "epochs = 9"),
    ("trainings = 4", "trainings = 8"),
]


def rows(folder: Path, purpose: Purpose = Purpose.SEARCH) -> Sequence[Candidate]:
    path = folder / "run" / "ledger.sqlite"
    if not path.exists():
        return []
    with Ledger(path) as ledger:
        return [c for study in ledger.studies() for c in ledger.candidates(study, purpose)]


def wait_for(server: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert server.poll() is None, f"the server ended: {server.communicate()}"
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def ended(folder: Path, purpose: Purpose = Purpose.SEARCH) -> int:
    return sum(c.state is State.DONE for c in rows(folder, purpose))


def in_training(folder: Path) -> Sequence[Candidate]:
    return [c for c in rows(folder) if c.state is State.RUNNING and c.attempts[-1].epochs > 0]


SICKNESS = """
import os, sys, time
if "tiernas.executors.worker" in sys.orig_argv:
    from dataclasses import replace
    from pathlib import Path
    import tiernas.executors.run as run

    def sick(architecture, splits, recipe, *, checkpoint_dir, on_epoch, _train=run.train, **more):
        if checkpoint_dir.parent.name == "search" and int(checkpoint_dir.name) % 4 == 1:
            recipe = recipe.model_copy(update={"learning_rate": 1e6})
        hangs = Path(os.environ.get("HANGS", "/nowhere"))

        def epoch_done(report):
            on_epoch(report)
            if hangs.is_file():
                hangs.unlink()
                time.sleep(3600)

        return _train(architecture, splits, recipe, checkpoint_dir=checkpoint_dir, on_epoch=epoch_done, **more)

    run.train = sick
"""
"""A `sitecustomize.py` for workers: candidates 1, 5 ... diverge, and one training hangs after an epoch."""


class Storm:
    """Kills servers and workers of a search at random moments; no candidate loses more than one worker."""

    def __init__(self, command_line: CommandLine, seed: int) -> None:
        self._command_line = command_line
        self._folder = command_line.folder
        self._rng = random.Random(seed)
        self.killed_workers = 0

    def kill_server(self) -> None:
        """Starts one, waits until trainings run, kills a worker, and some time later the server."""
        before = len(events(self._folder))
        server = self._command_line.start("search", "tiny.toml")
        wait_for(server, lambda: any(e["event"] == "epoch" for e in events(self._folder)[before:]))
        spared = [c for c in in_training(self._folder) if Outcome.FAILED not in {a.outcome for a in c.attempts}]
        if spared:
            self._kill(self._rng.choice(spared).attempts[-1].worker)
        time.sleep(self._rng.uniform(0, 0.5))
        server.kill()
        server.communicate()

    def _kill(self, worker: str) -> None:
        with suppress(ProcessLookupError):
            os.kill(int(worker.rpartition(":")[2]), signal.SIGKILL)
            self.killed_workers += 1


def events(folder: Path) -> list[dict[str, Any]]:
    path = folder / "run" / "events.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_chaos(tmp_path: Path, latency_table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers and workers die, a training hangs, some diverge: the result is that of a calm run."""
    (tmp_path / "sitecustomize.py").write_text(SICKNESS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    for folder in (calm, stormy):
        folder.mkdir()
        write_tiny(folder, latency_table, changes=CHAOS)
    CommandLine(calm).run("search", "tiny.toml")

    command_line = CommandLine(stormy)
    storm = Storm(command_line, seed=0)
    for _ in range(3):
        storm.kill_server()
    hangs = tmp_path / "hangs"
    hangs.touch()
    monkeypatch.setenv("HANGS", str(hangs))
    server = command_line.start("search", "tiny.toml", "--set", "workers.time_limit_minutes=0.5")
    wait_for(server, lambda: not hangs.exists() and any("time_limit" in e.get("reason", "") for e in events(stormy)))
    server.send_signal(signal.SIGTERM)  # as Ctrl-C: drains
    _, err = server.communicate(timeout=120)
    assert server.returncode == 130
    assert "everything is saved" in err
    assert not [c for c in rows(stormy) if c.state is State.RUNNING]
    command_line.run("search", "tiny.toml")

    expected, found = rows(calm), rows(stormy)
    assert [(c.vector, c.state, c.accuracy) for c in found] == [(c.vector, c.state, c.accuracy) for c in expected]
    assert {c.state for c in found} == {State.DONE, State.FAILED}
    assert all("diverged" in (c.reason or "") for c in found if c.state is State.FAILED)
    assert ended(stormy, Purpose.FINAL) == 1
    attempts = [a for c in (*found, *rows(stormy, Purpose.FINAL)) for a in c.attempts]
    assert Outcome.RUNNING not in {a.outcome for a in attempts}
    assert Outcome.LOST in {a.outcome for a in attempts}
    killed = [a for a in attempts if "killed by SIGKILL" in (a.reason or "")]
    assert len(killed) <= storm.killed_workers
    for candidate in found:
        assert [a.outcome for a in candidate.attempts].count(Outcome.DONE) == (candidate.state is State.DONE)
    epochs = [(e["tier"], e["purpose"], e["candidate"], e["epochs"]) for e in events(stormy) if e["event"] == "epoch"]
    assert len(epochs) == len(set(epochs))  # an epoch that was reported is never trained again


@pytest.mark.slow
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
        assert server.wait(timeout=30) == 130
    finally:
        server.kill()
        server.communicate()
