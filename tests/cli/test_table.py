"""The model table through the command line: what it answers, and what it says where it cannot."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import CommandLine

from tiernas.cli.table import show_entries
from tiernas.networks import Network, build
from tiernas.table import ModelTable
from tiernas.testing.entries import SPACE, VECTOR, entry
from tiernas.testing.latency import in_turn


@pytest.fixture(scope="module")
def network() -> Network:
    built = build(SPACE.decode(VECTOR), 3)
    assert isinstance(built, Network)
    return built.eval()


@pytest.fixture
def shared(tmp_path: Path, network: Network) -> CommandLine:
    """A folder whose model table holds two searches, of digits and of photos."""
    table = ModelTable(tmp_path / "model-table")
    table.add(entry("digits-1", 0.2, 0.99), network)
    photos: dict[str, Any] = {"data": "my photos", "data_digest": "1" * 16, "classes": ("a", "b", "c")}
    table.add(dataclasses.replace(entry("photos-1", 0.5, 0.80), **photos), network)
    table.add(dataclasses.replace(entry("photos-2", 0.30004, 0.70), **photos), network)
    return CommandLine(tmp_path)


def test_the_owner_of_photos_gets_no_digits(shared: CommandLine) -> None:
    message = shared.run("table", "query", "--max-latency-ms", "0.4", exit_code=2)
    assert "--data digits\n  --data 'my photos'" in message
    options = shlex.split(message.splitlines()[-1])
    assert shared.json("table", "query", "--max-latency-ms", "0.4", *options)["name"] == "photos-2"


def test_json_lists_what_there_is_to_choose(shared: CommandLine) -> None:
    process = shared.start("table", "query", "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "cannot be compared" in err
    choices = json.loads(out)["choices"]
    assert [choice["data"] for choice in choices] == ["digits", "my photos"]
    assert all(choice.keys() == {"data", "device", "engine", "batch", "threads"} for choice in choices)


def test_a_bad_entry_is_told_and_passed_over(shared: CommandLine) -> None:
    (shared.folder / "model-table" / "digits-1" / "entry.json").write_text("{")
    process = shared.start("table", "query", "--max-latency-ms", "1", "--json")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["name"]) == (0, "photos-1")
    assert "skipped digits-1: entry.json: not JSON" in err
    listed = shared.run("table", "list")
    assert "1 cannot be read" in listed
    assert "entry.json: not JSON" in listed
    message = shared.run("table", "export", "digits-1", "--output", "deploy", exit_code=2)
    assert "digits-1: entry.json: not JSON" in message


def test_an_entry_that_calls_itself_elsewhere_writes_nothing(shared: CommandLine) -> None:
    file = shared.folder / "model-table" / "digits-1" / "entry.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"name": "../../outside"}))
    before = set(shared.folder.rglob("*"))
    message = shared.run("table", "export", "digits-1", "--output", "a/b", exit_code=2)
    assert "name '../../outside': must be letters, digits" in message
    assert set(shared.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (("query", "--data", "my photos", "--max-latency-ms", "0.3"), 3, "takes 0.30004 ms, more than 0.3 ms"),
        (("query", "--max-latency-ms", "nan"), 2, "max_latency_ms = nan"),
        (("query", "--min-accuracy", "95"), 2, "write 0.95 for 95 %"),
        (("query", "--data", "digits", "--threads", "8"), 3, "1 thread(s)"),
        (("query", "--table", "nowhere"), 2, "model table nowhere: there is no such folder"),
    ],
)
def test_errors(shared: CommandLine, words: tuple[str, ...], exit_code: int, message: str) -> None:
    err = shared.run("table", *words, exit_code=exit_code)
    assert message in err
    assert len(err.splitlines()) == 1


def test_what_is_suggested_next_names_a_table_that_is_elsewhere(shared: CommandLine) -> None:
    (shared.folder / "model-table").rename(shared.folder / "my models")
    answered = shared.run("table", "query", "--table", "my models", "--data", "digits")
    assert answered.splitlines()[-1] == (
        "Deploy it:  tiernas table export digits-1 --output deploy --table 'my models'"
    )


USUAL = "digits-0.15-0.3-1-openvino-fp32-49b634a9"


def test_usual_entries_are_a_table_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_entries([entry(USUAL)])
    assert f"│ {USUAL} │ 0.500 │" in capsys.readouterr().out


def test_names_have_lines_of_their_own_if_a_table_is_too_wide(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide: dict[str, Any] = {"latency_unstable": True, "latency_in_turn": in_turn(1.0, 0.5).in_turn}
    longest = dataclasses.replace(entry("x" * 200), latency_interval_ms=(0.46, 0.54), **wide)
    photos = dataclasses.replace(entry(f"photos-{USUAL}", 12.5), class_mean_accuracy=0.8, recommended=False)
    monkeypatch.setenv("COLUMNS", "80")
    show_entries([longest, photos])
    pixels = photos.resolution
    assert capsys.readouterr().out.splitlines() == [
        "digits on AMD EPYC, openvino fp32, batch 1, 1 thread(s)",
        "x" * 200,
        f"  0.500 +-8 % ms  90.00% accuracy{'':21}{pixels} px  0.0 M MACs",
        f"photos-{USUAL} (not recommended)",
        f"  12.500 ms       90.00% accuracy  80.00% class mean  {pixels} px  0.0 M MACs",
    ]
    monkeypatch.setenv("COLUMNS", "120")
    show_entries([photos])
    assert f"│ photos-{USUAL} (not recommended) │ 12.500 │" in capsys.readouterr().out


def test_names_of_damaged_entries_are_listed_whole(shared: CommandLine) -> None:
    name = "x" * 190
    (shared.folder / "model-table" / "digits-1").rename(shared.folder / "model-table" / name)
    listed = shared.run("table", "list").splitlines()
    begin = listed.index("1 cannot be read")
    assert listed[begin + 1] == name
    assert listed[begin + 2].startswith("  entry.json names it 'digits-1'")
