"""The status of a search, and how it looks in 80 characters."""

from __future__ import annotations

import datetime as dt
import io
import json
import math
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.minimal import write_minimal

from tiernas.cli.status import draw, line_of
from tiernas.config import SearchConfig, load_config
from tiernas.ledger import Ledger, Purpose, Server
from tiernas.plan import Basis
from tiernas.spaces import get_space
from tiernas.status import read_status
from tiernas.training.data_size import DataSize


@pytest.fixture
def config(tmp_path: Path) -> SearchConfig:
    """A search whose first tier has two trainings done, one failed, one running and one waiting."""
    (tmp_path / "run").mkdir()
    config = load_config(write_minimal(tmp_path, "[search]\ntrainings = 6\n"))
    space = get_space("gpunet-small")
    with Ledger(config.ledger) as ledger:
        study = ledger.open_study("0.2-0.4", {})
        candidates = [ledger.propose(study, x, space.decode(x).digest, 0.3) for x in space.sample(5, seed=0)]
        for candidate in candidates[:4]:
            ledger.start(candidate, f"node-3:{1000 + candidate.index}")
        ledger.finish(candidates[0], 0.81, {"epochs": 3, "duration_s": 60.0})
        ledger.finish(candidates[1], 0.84, {"epochs": 3, "duration_s": 60.0})
        ledger.fail(candidates[2], "diverged in epoch 2", retry=False)
        ledger.progress(candidates[3], 2, 0.7512)
    return config


def test_what_each_client_does_and_how_long_it_will_take(config: SearchConfig) -> None:
    found = read_status(config)
    (running,) = found["running"]
    assert (running["candidate"], running["epochs"], running["of_epochs"]) == (4, 2, 3)
    assert running["worker"] == "node-3:1003"
    assert running["validation_accuracy"] == 0.7512
    assert dt.datetime.fromisoformat(running["since"]) <= dt.datetime.fromisoformat(found["time"])
    assert running["minutes"] >= 0
    assert found["ended_per_hour"] > 0
    assert (found["plan"], found["hours_to_go"]) == (None, None), "nothing says how large the data are"
    assert found["failures"] == [
        {"tier": "0.2-0.4", "purpose": "search", "candidate": 3, "reason": "diverged in epoch 2"}
    ]
    assert "mine: 1 running; tier 0.2-0.4 ms 3/6, 1 failed, best 84.00%; " in line_of(found)


def test_the_rest_of_the_search_takes_as_long_as_what_is_done(config: SearchConfig) -> None:
    Basis(DataSize(train=100, validation=10, test=10, classes=10, image_size=8, chance=0.1)).write(config.study.output)
    with Ledger(config.ledger) as ledger, ledger.serve(Server.here(), 30) as lease:
        lease.renew(8, 1)
        ledger.open_study("0.4-0.8", {})
        found = read_status(config)
    parts = {(part["what"], part["where"]): part for part in found["plan"]["parts"]}
    # 3 networks on 4 of 8 workers, the running one is two thirds done; a training run takes a minute in this tier
    searched = parts["candidates trained", "0.2-0.4"]
    assert (searched["networks"], searched["minutes"]) == (3, pytest.approx(1 / 3))
    assert parts["candidates trained", "0.4-0.8"]["minutes"] == pytest.approx(2 * 2), "6 networks twice as slow"
    assert parts["best trained with other seeds", "0.2-0.4"]["minutes"] == pytest.approx(1)
    assert found["hours_to_go"] * 60 == pytest.approx(sum(part["minutes"] for part in parts.values()))
    assert re.search(r"; about \d+ minutes left, finalists included$", line_of(found))


def test_accuracies_that_may_be_chance_are_told(config: SearchConfig) -> None:
    Basis(DataSize(train=100, validation=10, test=10, classes=2, image_size=8, chance=0.6)).write(config.study.output)
    (doubt,) = read_status(config)["doubts"]
    assert doubt.startswith("tier 0.2-0.4 ms: the best candidate has an accuracy of 84.0% on 10 validation images")
    console = Console(file=io.StringIO(), width=80)
    console.print(draw(read_status(config)))
    assert isinstance(console.file, io.StringIO)
    assert "note: tier 0.2-0.4 ms: the best candidate" in console.file.getvalue()


def test_the_best_at_an_edge_are_told_once_a_tier_is_over(config: SearchConfig) -> None:
    space = get_space("gpunet-small")
    with Ledger(config.ledger) as ledger:
        study = ledger.open_study("0.4-0.8", {})
        for number, vector in enumerate(space.sample(30, seed=1)):
            latency_ms = 0.41 + 0.013 * number
            candidate = ledger.propose(study, vector, space.decode(vector).digest, latency_ms)
            ledger.start(candidate, "node-3:1")
            ledger.finish(candidate, latency_ms, {"epochs": 3, "duration_s": 60.0})
        (doubt,) = read_status(config)["doubts"]
        assert doubt.startswith(
            "tier 0.4-0.8 ms: the 5 best candidates are all in its slowest fifth, and it is the last"
        )
        ledger.set_trainings(31)
        assert not read_status(config)["doubts"]


def test_throughput_is_that_of_the_last_hour(config: SearchConfig) -> None:
    def age(table: str, column: str, number: int, hours: float) -> None:
        time = dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours)
        with closing(sqlite3.connect(str(config.ledger))) as connection:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (time.replace(tzinfo=None), number))
            connection.commit()

    age("studies", "created_at", 1, 5)
    age("candidates", "finished_at", 1, 3)
    assert read_status(config)["ended_per_hour"] == pytest.approx(2)
    with Ledger(config.ledger) as ledger:
        assert ledger.reclaim("the server ended") == 1
    found = read_status(config)
    assert (found["ended_per_hour"], found["running"]) == (None, [])


def test_the_best_never_falls_when_the_mean_over_seeds_does(config: SearchConfig) -> None:
    def tier() -> dict[str, Any]:
        first: dict[str, Any] = read_status(config)["tiers"][0]
        return first

    before = tier()
    assert (before["best_candidate"], before["best_accuracy"], before["best_mean_accuracy"]) == (2, 0.84, None)
    with Ledger(config.ledger) as ledger:
        first, second, *_ = ledger.candidates(ledger.studies()[0])
        for candidate, mean in ((first, 0.80), (second, 0.78)):
            repeated = {"accuracy": mean, "standard_error": None, "seeds": 1, "rank_accuracy": mean}
            ledger.record_repeats(candidate, repeated)
    after = tier()
    assert (after["best_candidate"], after["best_accuracy"]) == (2, 0.84)
    assert (after["best_repeated_candidate"], after["best_mean_accuracy"]) == (1, 0.80)
    assert after["best_mean_error"] is None, "two networks say too little"
    assert "best 84.00%" in line_of(read_status(config))


def test_the_mean_over_seeds_has_an_error(config: SearchConfig) -> None:
    with Ledger(config.ledger) as ledger:
        study = ledger.studies()[0]
        ledger.finish(ledger.candidates(study)[3], 0.82, {})
        for candidate, mean in zip(ledger.candidates(study), (0.80, 0.82, None, 0.81), strict=False):
            if mean is not None:
                repeated = {"accuracy": mean, "standard_error": None, "seeds": 1, "rank_accuracy": mean}
                ledger.record_repeats(candidate, repeated)
    found = read_status(config)
    # differences 0.01, 0.02, 0.01: their variance is 1/30000, half of it is that of one seed, half of that of two
    assert found["tiers"][0]["best_mean_error"] == pytest.approx(math.sqrt(1 / 120000))
    console = Console(file=io.StringIO(), width=120)
    console.print(draw(found))
    assert isinstance(console.file, io.StringIO)
    assert "82.00 ± 0.29%" in console.file.getvalue()


def test_rivals_are_listed_and_counted(config: SearchConfig) -> None:
    config = load_config(config.study.output.parent / "mine.toml", ["rivals.networks=['resnet8','resnet14']"])
    assert read_status(config)["rivals"] == []
    assert "; rivals 0/2" in line_of(read_status(config))
    measured = {"latency_ms": 0.25, "rival": {"name": "resnet8@32", "architecture": "{}"}}
    with Ledger(config.ledger) as ledger:
        (study,) = ledger.studies()
        rival = ledger.propose(study, (), "8", 0.25, purpose=Purpose.RIVAL, measurement=measured)
        ledger.start(rival, "node-3:1")
        ledger.finish(rival, 0.7, {"test_accuracy": 0.69})
    found = read_status(config)
    assert found["rivals"] == [
        {
            "rival": "resnet8@32",
            "state": "done",
            "latency_ms": 0.25,
            "validation_accuracy": 0.7,
            "test_accuracy": 0.69,
        }
    ]
    assert found["candidates"]["done"] == 2, "rivals are no candidates"
    console = Console(file=io.StringIO(), width=80)
    console.print(draw(found))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "1 of 2 rivals trained" in shown
    assert re.search(r"resnet8@32 │ done\s+│ 0.250 │ 70.00%\s+│ 69.00%", shown)


def test_who_serves_and_what_was_ordered(config: SearchConfig) -> None:
    assert read_status(config)["server"] is None
    with Ledger(config.ledger) as ledger, ledger.serve(Server.here(), 30) as lease:
        lease.renew(8, 1)
        ledger.pause_study(True)
        ledger.set_trainings(9)
        ledger.drop("0.2-0.4", 5, Purpose.SEARCH, "too slow")
        found = read_status(config)
    assert found["server"] == {"name": str(Server.here()), "clients": 8, "idle": 1}
    assert found["paused"]
    assert (found["tiers"][0]["wanted"], found["tiers"][0]["dropped"], found["tiers"][0]["ended"]) == (9, 1, 4)
    assert "; 8 workers, 1 idle; paused" in line_of(found)


def test_limits_are_told(config: SearchConfig, tmp_path: Path) -> None:
    assert read_status(config)["limits"] == {}
    limited = load_config(tmp_path / "mine.toml", ["limits.params=100000", "limits.weights_mb=0.5"])
    found = read_status(limited)
    assert found["limits"] == {"params": 100_000, "weights_mb": 0.5}
    console = Console(file=io.StringIO(), width=80)
    console.print(draw(found))
    assert isinstance(console.file, io.StringIO)
    assert "limits: at most 100,000 parameters and 0.5 MB of weights" in console.file.getvalue()


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_the_terminal(config: SearchConfig, columns: int) -> None:
    console = Console(file=io.StringIO(), width=columns)
    console.print(draw(read_status(config)))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "…" not in shown
    for text in ("2 candidates done", "node-3:1003", "2/3", "diverged in epoch 2", "candidates per hour"):
        assert text in shown
    assert max(len(line) for line in shown.splitlines()) <= columns


def test_watch_prints_a_document_per_line_until_it_is_interrupted(config: SearchConfig, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tiernas", "status", str(tmp_path / "mine.toml"), "--watch", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, preexec_fn=_obey_ctrl_c) as process:
        assert process.stdout is not None
        first, second = (json.loads(process.stdout.readline()) for _ in range(2))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    assert first["tiers"] == second["tiers"]
    assert not math.isnan(first["ended_per_hour"])


def _obey_ctrl_c() -> None:
    """Tests that run in the background of a shell are started deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
