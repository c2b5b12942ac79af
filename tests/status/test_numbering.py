"""Networks count from 1 wherever people read or type a number, and mean the same one everywhere."""

from __future__ import annotations

import io
import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from tests.minimal import write_minimal
from tests.study.conftest import SPACE, Simulated, trainings
from typer.testing import CliRunner

from tiernas.cli.commands import app
from tiernas.cli.progress import watching
from tiernas.cli.status import draw
from tiernas.config import load_config
from tiernas.executors import Event, Failed, Job
from tiernas.ledger import Ledger, Purpose, State
from tiernas.status import read_status
from tiernas.study import train_candidates
from tiernas.study.events import recording


class SecondFails(Simulated):
    """Trains one after the other; the second one fails."""

    def end(self, job: Job) -> Event:
        return Failed(job.id, "diverged", retry=False) if len(self.jobs) == 2 else super().end(job)


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.HISTORY])
def test_the_second_is_number_2_everywhere(purpose: Purpose, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tiernas")
    config = load_config(write_minimal(tmp_path))
    config.study.output.mkdir()
    with Ledger(config.ledger) as ledger, recording(tmp_path), watching() as (_, watch):
        study = ledger.open_study("0.2-0.4", {})
        first, second = [
            ledger.propose(study, x, SPACE.decode(x).digest, 0.3, purpose=purpose) for x in SPACE.sample(2, seed=0)
        ]
        assert (first.number, second.number) == (1, 2)
        train_candidates(replace(trainings(ledger, SecondFails(1, lambda _: 1.0)), watch=watch), study, purpose)
        assert [c.state for c in ledger.candidates(study, purpose)] == [State.DONE, State.FAILED]
        assert [failure["candidate"] for failure in read_status(config)["failures"]] == [2]
        console = Console(file=io.StringIO(), width=120)
        console.print(draw(read_status(config)))
        assert isinstance(console.file, io.StringIO)
        of = "" if purpose is Purpose.SEARCH else rf"\W+{purpose}"
        assert re.search(rf"0\.2-0\.4{of}\W+2\W+diverged", console.file.getvalue()), "it is told from others numbered 2"
        if purpose is Purpose.SEARCH:
            assert read_status(config)["tiers"][0]["best_candidate"] == 1
        told = [line for line in caplog.messages if "diverged" in line]
        assert told
        assert all(" 2 " in line or " 2:" in line for line in told), told
        events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
        assert {e["candidate"] for e in events if e["event"] == "finished"} == {1}
        assert {e["candidate"] for e in events if e["event"] == "failed"} == {2}
        command = ["control", "requeue", str(tmp_path / "mine.toml"), "2", "--tier", "0.2-0.4", "--for", purpose]
        assert CliRunner().invoke(app, command).stdout.startswith("candidate 2 of")
        ledger.start(ledger.candidates(study, purpose)[1], "node:1")
        assert [running["candidate"] for running in read_status(config)["running"]] == [2]
    assert "from 1" in CliRunner().invoke(app, ["control", "requeue", "--help"]).stdout
