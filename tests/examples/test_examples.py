"""The examples are right, can be written anywhere, and run to their end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import ANY_LATENCY, CommandLine
from typer.testing import CliRunner

from tiernas.cli.commands import app
from tiernas.config import load_config
from tiernas.drafting import data_at, look_at
from tiernas.errors import UsageError
from tiernas.examples import PHOTOS, example_text, shipped_examples, write_photos

NAMES = [each.name for each in shipped_examples() if each.name != PHOTOS]
SMALL = [
    "latency.networks=10",
    "latency.inaccurate=true",
    f"tiers.edges={ANY_LATENCY}",
    "tiers.pool=1024",
    "recipe.epochs=1",
    "data.train_limit=100",
    "search.trainings=2",
    "finalists.per_tier=1",
    "finalists.repeats=0",
    "finalists.epochs=1",
    "finalists.measure_seconds=0.5",
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> str:
    """What a command prints on stdout; raises what it raises."""
    return CliRunner().invoke(app, words, catch_exceptions=False).stdout


@pytest.mark.parametrize("name", NAMES)
def test_results_go_beside_the_file(folder: Path, name: str) -> None:
    run("example", name, "--output", "mine.toml")
    config = load_config(folder / "mine.toml")
    assert config.study.output == folder / "runs" / name
    assert config.table.path == folder / "model-table"


def test_all_are_listed_with_what_they_are() -> None:
    assert NAMES == ["digits", "digits-onnxruntime"]
    listed = run("example")
    found = json.loads(run("example", "--json"))["examples"]
    for each in found:
        assert each["name"] in listed
        assert each["what"][0].isupper()
        assert each["what"].endswith(".")


def test_a_text_is_printed_as_it_is() -> None:
    assert run("example", "digits") == example_text("digits")
    assert json.loads(run("example", "digits", "--json"))["text"] == example_text("digits")


def test_photos_are_data(folder: Path) -> None:
    assert "1797 images in photos. Try next:  tiernas init photos" in run("example", "photos")
    found = look_at(data_at("photos"), "DATA")
    assert (len(found.counts), sum(found.counts.values()), found.typical_px) == (10, 1797, 8)
    assert not found.unreadable


def test_nothing_is_overwritten(folder: Path) -> None:
    (folder / "mine.toml").write_text("mine")
    (folder / "mine").mkdir()
    (folder / "mine" / "file").touch()
    with pytest.raises(UsageError, match=r"^--output mine\.toml: exists and is not overwritten"):
        run("example", "digits", "--output", "mine.toml")
    with pytest.raises(UsageError, match=r"^mine: has files already, which are kept"):
        write_photos(Path("mine"))
    assert (folder / "mine.toml").read_text() == "mine"


def test_an_unknown_name() -> None:
    with pytest.raises(UsageError, match=r"^no example 'digit'.*There are: digits, digits-onnxruntime, photos$"):
        run("example", "digit")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_configuration_runs_to_its_end(folder: Path) -> None:
    command_line = CommandLine(folder)
    sets = [word for value in SMALL for word in ("--set", value)]
    for name in NAMES:
        command_line.run("example", name, "--output", f"{name}.toml")
        entries = command_line.json("search", f"{name}.toml", *sets)["entries"]
        assert entries[0]["name"].startswith(f"{name}-")
