"""Rivals from the command line: added to a search that is done, killed and continued, and the verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine, write_tiny
from tests.cli.test_kill_and_continue import rows, wait_for

from tiernas.ledger import Outcome, Purpose, State

pytestmark = pytest.mark.slow

RIVALS = "rivals.networks=['mobilenetv2-0.1', 'resnet20']"
BOTH = ("--set", RIVALS, "--set", "finalists.seeds=2")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, latency_table: Path) -> CommandLine:
    """A finished search whose rivals were added afterwards; the server was killed while it trained the second."""
    folder = tmp_path_factory.mktemp("judged")
    changes = [("TWO_TIERS", "ANY_LATENCY"), ("count = 2", "count = 1")]
    changes += [("trainings = 4", "trainings = 6\noptions = { n_initial = 4 }")]
    write_tiny(folder, latency_table, changes=changes)
    command_line = CommandLine(folder)
    command_line.run("search", "tiny.toml")
    server = command_line.start("search", "tiny.toml", *BOTH)

    def in_training() -> bool:
        second = [c for c in rows(folder, Purpose.RIVAL) if c.index == 1]
        return any(c.state is State.RUNNING and c.attempts[-1].epochs > 0 for c in second)

    wait_for(server, in_training)
    server.kill()
    server.communicate()
    command_line.run("search", "tiny.toml", *BOTH)
    return command_line


def test_a_killed_rival_continues_from_its_last_epoch(judged: CommandLine) -> None:
    first, second = rows(judged.folder, Purpose.RIVAL)
    assert [attempt.outcome for attempt in first.attempts] == [Outcome.DONE]
    assert [attempt.outcome for attempt in second.attempts] == [Outcome.LOST, Outcome.DONE]
    assert 1 <= second.attempts[0].epochs < 3
    assert first.result is not None
    assert second.result is not None
    for key in ("epochs", "seed", "recipe_digest", "data_digest"):
        (finalist,) = rows(judged.folder, Purpose.FINAL)
        assert finalist.result is not None
        assert first.result[key] == second.result[key] == finalist.result[key], "trained like the finalist"


def test_rivals_are_entries_that_can_be_exported(judged: CommandLine, tmp_path: Path) -> None:
    entries = judged.json("table", "list", "--table", "models")
    rivals = {e["network"]: e for e in entries if e["rival"]}
    assert sorted(rivals) == ["mobilenetv2-0.1@32", "resnet20@32"]
    assert len(entries) == 3
    resnet = rivals["resnet20@32"]
    assert (resnet["source"], resnet["study"], resnet["params"]) == ("measured", "tiny, rival", 272_474)
    assert (resnet["recipe"]["epochs"], resnet["data_digest"]) == (3, entries[0]["data_digest"])
    exported = judged.json("table", "export", resnet["name"], "--table", "models", "--output", str(tmp_path))
    assert f"{resnet['name']}.safetensors" in {Path(file).name for file in exported["files"]}
    page = (judged.folder / "run" / "table.html").read_text("utf-8")
    assert '<span class="note">rival</span>' in page


def test_plan_and_status_count_them(judged: CommandLine) -> None:
    status = judged.json("status", "tiny.toml", *BOTH)
    assert [(rival["rival"], rival["state"]) for rival in status["rivals"]] == [
        ("mobilenetv2-0.1@32", "done"),
        ("resnet20@32", "done"),
    ]
    assert all(rival["test_accuracy"] is not None for rival in status["rivals"])
    assert "2 of 2 rivals trained" in judged.run("status", "tiny.toml", *BOTH)
    assert judged.json("search", "tiny.toml", "--plan", *BOTH)["parts"] == []


def test_the_verdict_has_five_lines_and_every_seed(judged: CommandLine) -> None:
    lines = judged.run("verdict", "tiny.toml", *BOTH).splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("tiny: 1 finalist and 2 rivals, 3 epochs each, 2 seeds, ")
    found = judged.json("verdict", "tiny.toml", *BOTH)
    assert found["lines"] == lines
    assert [len(network["accuracies"]) for network in (found["tiers"][0]["found"], *found["rivals"])] == [2, 2, 2]
    assert {purpose: spent["trainings"] for purpose, spent in found["spent"].items()} == {
        "search": 6,
        "final": 1,
        "rival": 2,
        "seed": 3,
    }


def test_a_rival_that_cannot_be_built_is_refused_before_anything_is_measured(
    tmp_path: Path, latency_table: Path
) -> None:
    write_tiny(
        tmp_path, latency_table, changes=[("[workers]", '[rivals]\nnetworks = ["timm:regnetx_002"]\n\n[workers]')]
    )
    command_line = CommandLine(tmp_path)
    for words in (("search", "tiny.toml"), ("search", "tiny.toml", "--plan")):
        message = command_line.run(*words, exit_code=2)
        assert "'timm:regnetx_002'" in message
        assert "Allowed are timm:NAME" in message
    assert not (tmp_path / "run").exists()
    assert "the search has not started" in command_line.run("verdict", "tiny.toml", exit_code=3)
