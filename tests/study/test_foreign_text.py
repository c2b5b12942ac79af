"""A training may say anything and report any number: the server records it, and what it writes is plain."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import pytest
from tests.study.conftest import Simulated, proposals, trainings

from tiernas.executors import EpochDone, Event, Failed, Finished, Job, Paused
from tiernas.ledger import Ledger, Purpose, State
from tiernas.study import Screen, recording, train_candidates
from tiernas.study.events import record

ODD = "caf\udce9 \x00 sftp://ann:s3cret@host/x"
PLAIN = r"caf\udce9 \x00 sftp://ann:***@host/x"


def lines(folder: Path) -> list[dict[str, object]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    text = (folder / "events.jsonl").read_bytes().decode("utf-8")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


class Odd(Simulated):
    def poll(self, timeout_s: float) -> list[Event]:
        (event,) = super().poll(timeout_s)
        return [EpochDone(event.job_id, 1, {"validation_accuracy": math.nan}), event]

    def end(self, job: Job) -> Event:
        match job.id % 4:
            case 0:
                return Failed(job.id, ODD, retry=False)
            case 1:
                return Finished(job.id, math.nan, {})
            case 2:
                return Finished(job.id, 0.5, {"train_loss": math.inf, "said": ODD})
            case _:
                return Paused(job.id, 2, math.inf)


def test_a_server_outlives_what_trainings_say(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger, recording(tmp_path):
        study = ledger.open_study("tier", {})
        screen = Screen((2,), 0.5, 8, None)
        loop = trainings(ledger, Odd(2, lambda _: 1.0), screen)
        train_candidates(loop, study, Purpose.SEARCH, proposals(ledger, study, None).next, 8)
        rows = {c.id % 4: c for c in ledger.candidates(study)}
    assert {key: c.state for key, c in rows.items()} == {
        0: State.FAILED,
        1: State.FAILED,
        2: State.DONE,
        3: State.FAILED,
    }
    assert rows[0].reason == PLAIN
    assert rows[1].reason == "its accuracy is nan, not a number"
    assert rows[2].result == {"train_loss": None, "said": PLAIN}
    assert rows[3].reason == "its accuracy is inf, not a number"
    assert PLAIN in caplog.text
    assert ODD not in caplog.text
    reasons = {e["reason"] for e in lines(tmp_path) if e["event"] == "failed"}
    assert reasons == {c.reason for c in rows.values() if c.reason}


def test_events_and_logged_messages_are_plain_json(tmp_path: Path) -> None:
    with recording(tmp_path):
        record("odd", what=ODD, value=math.nan, path=Path("x"), held={"a": [math.inf]})
        logging.getLogger("tiernas.x").warning("%s", ODD[5:])  # pytest's workers cannot send the lone surrogate
    odd, log = lines(tmp_path)
    assert {k: odd.get(k, "missing") for k in ("what", "value", "path", "held")} == {
        "what": PLAIN,
        "value": None,
        "path": "x",
        "held": {"a": [None]},
    }
    assert log["message"] == PLAIN.removeprefix(r"caf\udce9 ")
