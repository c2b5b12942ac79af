"""`tiernas init`, from data to a file that runs, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine
from tests.drafting.photos import write_photos

from tiernas.config import load_config

SMALL = [
    "workers.count=2",
    "latency.networks=10",
    "latency.inaccurate=true",
    "recipe.epochs=1",
    "tiers.edges=[0.0001, 10000]",
    "tiers.pool=1024",
    "search.trainings=2",
    "finalists.per_tier=1",
    "finalists.repeats=0",
    "finalists.epochs=1",
    "finalists.measure_seconds=0.5",
]
SETS = [word for value in SMALL for word in ("--set", value)]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "DATA: "),
        ({"cat": 20}, "there is only one class, 'cat'"),
        ({"cat": 20, "dog": 3}, "too few images of a class: 'dog' has 3; each needs at least 10"),
    ],
)
def test_data_that_are_too_few_are_refused(tmp_path: Path, counts: dict[str, int], message: str) -> None:
    (tmp_path / "photos").mkdir()
    write_photos(tmp_path / "photos", counts)
    assert message in CommandLine(tmp_path).run("init", "photos", "--output", "mine.toml", exit_code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_nothing_there(tmp_path: Path) -> None:
    said = CommandLine(tmp_path).run("init", "photos", exit_code=2)
    assert said.startswith("tiernas: DATA = 'photos': does not exist; give a folder (photos/<class>/*.jpg, ")
    assert len(said.splitlines()) == 1


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "search.toml").write_text("mine")
    said = CommandLine(tmp_path).run("init", "digits", exit_code=2)
    assert "--output search.toml: exists and is not overwritten" in said
    assert (tmp_path / "search.toml").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_photos_to_a_table(tmp_path: Path, latency_table: Path) -> None:
    """The search takes a latency table that is there; that searches build theirs is seen by other tests."""
    write_photos(tmp_path / "photos", {"cat": 40, "dog": 40}, size=(40, 32))
    command_line = CommandLine(tmp_path)
    words = "init", "photos", "--output", "mine.toml", "--space", "gpunet-small", "--engine", "openvino"
    found = command_line.json(*words, "--hours", "1", *SETS)
    assert found["file"] == "mine.toml"
    assert found["minutes"] > 0
    assert any("validation images can only tell networks apart" in line for line in found["warnings"])
    config = load_config(tmp_path / "mine.toml")
    assert (config.study.space, config.data.path) == ("gpunet-small", tmp_path / "photos")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml", "photos"], "nothing else is written"
    call = "search", "mine.toml", "--set", f"latency.table={latency_table}", "--set", "latency.other_classes=true"
    planned = command_line.json(*call, "--plan")
    assert planned["minutes"] > 0
    assert {part["what"] for part in planned["parts"]} >= {"candidates trained", "finalists trained"}
    assert not (tmp_path / "runs").exists()
    entries = command_line.json(*call)["entries"]
    (found,) = [entry for entry in entries if not entry["rival"]]
    assert (found["classes"], found["space"]) == (["cat", "dog"], "gpunet-small")
    assert len(entries) == 1 + len(config.rivals.names), "the rivals that the draft names are entries, too"
    rest = command_line.run(*call, "--plan")
    assert "mine: nothing is left to do" in rest
