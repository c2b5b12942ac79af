"""The model table through the command line: what it answers, and what it says where it cannot."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.cli.conftest import CommandLine

from tiernas.cli import output
from tiernas.cli.table import show_entries
from tiernas.doctor.tiny_network import write_tiny_network
from tiernas.engines.fingerprint import cpu_device
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
        (("query", "--data", "digits", "--max-params", "0"), 2, "params = 0: must be above 0"),
        (("query", "--data", "digits", "--max-macs", "1"), 3, "has 2 multiply-accumulates, more than 1"),
        (("query", "--data", "digits", "--max-weights-mb", "1"), 3, "does not say its weights_mb"),
        (("query", "--min-accuracy", "95"), 2, "write 0.95 or 95% for 95 %"),
        (("query", "--min-accuracy", "150%"), 2, "min_accuracy = 1.5: must be from 0 to 1"),
        (
            ("query", "--min-accuracy", "high"),
            2,
            "'high': must be a proportion such as 0.95 or a percentage such as 95%",
        ),
        (("query", "--data", "digits", "--min-accuracy", "99.5%"), 3, "has an accuracy of 0.99, less than 0.995"),
        (("query", "--study", "nobody"), 3, "digits, study digits"),
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
    monkeypatch.setattr(output, "out", Console(width=80))
    show_entries([entry(USUAL)])
    assert f"│ {USUAL} │ 0.500 │" in capsys.readouterr().out


def test_intervals_and_marks_fit_into_80_columns_and_are_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    best = dataclasses.replace(entry(USUAL, 0.9, 267 / 270), test_images=270)
    close = dataclasses.replace(entry(f"{USUAL[:-1]}b", 0.5, 265 / 270), test_images=270)
    monkeypatch.setattr(output, "out", Console(width=80))
    show_entries([close, best])
    shown = capsys.readouterr().out
    assert "┃ accuracy (95 %)" in shown
    assert f"│ {best.name} │ 0.900 │ 98.89% (96.8-99.6)  │" in shown
    assert f"│ {close.name} │ 0.500 │ 98.15% (95.7-99.2)~ │" in shown
    assert "\n~: ties with the best entry" in shown
    show_entries([best])
    assert ": " not in capsys.readouterr().out
    show_entries([dataclasses.replace(entry(latency_ms=0.4), latency_unstable=True)])
    shown = capsys.readouterr().out
    assert "│ 0.400? │ 90.00%   │" in shown
    assert "\n?: measured by an earlier version" in shown


def test_names_have_lines_of_their_own_if_a_table_is_too_wide(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide: dict[str, Any] = {"latency_unstable": True, "latency_in_turn": in_turn(1.0, 0.5).in_turn}
    longest = dataclasses.replace(entry("x" * 200), latency_interval_ms=(0.46, 0.54), **wide)
    photos = dataclasses.replace(entry(f"photos-{USUAL}", 12.5), class_mean_accuracy=0.8, recommended=False)
    monkeypatch.setattr(output, "out", Console(width=80))
    show_entries([longest, photos])
    pixels = photos.resolution
    assert capsys.readouterr().out.splitlines() == [
        "digits on AMD EPYC, openvino fp32, batch 1, 1 thread(s)",
        "x" * 200,
        f"  0.500 +-8 % ms  90.00% accuracy{'':21}{pixels} px",
        f"photos-{USUAL} (not recommended)",
        f"  12.500 ms       90.00% accuracy  80.00% class mean  {pixels} px",
        "+-: half of the latency's interval, which stayed wide",
    ]
    monkeypatch.setattr(output, "out", Console(width=120))
    show_entries([photos])
    assert f"│ photos-{USUAL} (not recommended) │ 12.500 │" in capsys.readouterr().out


def test_names_of_damaged_entries_are_listed_whole(shared: CommandLine) -> None:
    name = "x" * 190
    (shared.folder / "model-table" / "digits-1").rename(shared.folder / "model-table" / name)
    listed = shared.run("table", "list").splitlines()
    begin = listed.index("1 cannot be read")
    assert listed[begin + 1] == name
    assert listed[begin + 2].startswith("  entry.json names it 'digits-1'")


def test_an_answer_names_what_ties_with_it_and_limit_lists_more(shared: CommandLine, network: Network) -> None:
    table = ModelTable(shared.folder / "model-table")
    for name, latency_ms, right in [("best", 0.9, 267), ("close", 0.4, 265), ("poor", 0.3, 200)]:
        made = dataclasses.replace(entry(name, latency_ms, right / 270), data="shoes", data_digest="2" * 16)
        table.add(dataclasses.replace(made, test_images=270), network)
    answered = shared.run("table", "query", "--data", "shoes", "--min-accuracy", "50%")
    assert "98.89% (96.8-99.6)" in answered
    assert "As accurate within the noise of 270 test images, fastest first:\n  close  0.400 ms" in answered
    found = shared.json("table", "query", "--data", "shoes")
    assert (found["name"], found["ties"]) == ("best", ["close"])
    assert found["accuracy_interval"] == pytest.approx([0.96785, 0.99621], abs=1e-5)
    assert [e["name"] for e in shared.json("table", "query", "--data", "shoes", "--limit", "2")] == ["best", "close"]
    assert [e["name"] for e in shared.json("table", "query", "--data", "shoes", "--limit", "1")] == ["best"]
    shared.run("table", "query", "--data", "shoes", "--limit", "0", exit_code=2)
    listed = {e["name"]: e for e in shared.json("table", "list")}
    assert [listed[name]["standing"] for name in ("best", "close", "poor")] == ["best", "tied", None]
    assert listed["digits-1"]["accuracy_interval"] is None


def test_a_published_accuracy_is_marked_with_its_source(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = {"source": "a paper", "source_url": "https://example.com", "network": "timm:resnet18"}
    published = dataclasses.replace(entry(USUAL), test_images=50_000, **source)  # type: ignore[arg-type]
    monkeypatch.setattr(output, "out", Console(width=80))
    show_entries([published])
    shown = capsys.readouterr().out
    assert "90.00% (89.7-90.3)* │" in shown
    assert shown.splitlines()[-1] == "*: published, not measured here; from a paper (https://example.com)"


def test_the_answer_that_is_not_in_the_table_is_not_to_be_exported(shared: CommandLine) -> None:
    published = dataclasses.replace(entry("r18", 0.1, 0.7), source="a paper", network="timm:resnet18", data="imagenet")
    ModelTable(shared.folder / "model-table").add_named(published)
    answered = shared.run("table", "query", "--data", "imagenet").splitlines()
    assert answered[-1].startswith("Its weights are not in the table. Measure it again:  tiernas latency measure timm:")
    message = shared.run("table", "export", "r18", "--output", "out", exit_code=2)
    assert "entry r18: cannot be exported: its accuracy is what a paper says" in message


def test_several_entries_are_exported_into_folders_of_their_own(shared: CommandLine) -> None:
    write_tiny_network(shared.folder / "line.onnx")
    networks = [{"network": "line.onnx", "name": name, "data": name} for name in ("a", "b")]
    stated = {"accuracy": "95%", "source": "own test", "networks": networks}
    (shared.folder / "mine.json").write_text(json.dumps(stated))
    words = ("mine.json", "--engine", "onnxruntime", "--seconds", "0.05", "--table", "mine")
    added = shared.json("table", "add", *words)
    names = [e["name"] for e in added["added"]]
    assert [e["accuracy"] for e in added["added"]] == [0.95, 0.95]
    assert (added["present"], added["failed"]) == ([], {})
    assert shared.json("table", "add", *words)["present"] == names
    written = shared.json("table", "export", *names, "--table", "mine", "--output", "deploy", "--triton")
    assert written["folders"] == [f"deploy/{name}" for name in names]
    for name in names:
        assert (shared.folder / "deploy" / name / "1" / "model.onnx").exists()
    (shared.folder / "deploy" / names[0] / "labels.txt").write_text("mine")
    again = ("table", "export", names[0], "--table", "mine", "--output", "deploy")
    assert "labels.txt exists already" in shared.run(*again, exit_code=2)
    shared.run(*again, "--force")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name a FILE.json, or give --released, --rivals or both"),
        (("nowhere.json",), "nowhere.json: cannot be read"),
        (("--released", "--engine", "fast"), "fast"),
    ],
)
def test_what_cannot_be_added_is_one_message(shared: CommandLine, words: tuple[str, ...], message: str) -> None:
    err = shared.run("table", "add", *words, exit_code=2)
    assert message in err
    assert len(err.splitlines()) == 1


def test_this_machine_answers_if_it_is_in_the_table_and_another_one_with_a_note(
    shared: CommandLine, network: Network
) -> None:
    process = shared.start("table", "query", "--data", "digits")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "note: measured on AMD EPYC, which is not this machine\n")
    ModelTable(shared.folder / "model-table").add(entry("here", 0.5, 0.5, device=cpu_device()), network)
    assert shared.json("table", "query", "--data", "digits")["name"] == "here"
    assert shared.json("table", "query", "--data", "digits", "--device", "AMD EPYC")["name"] == "digits-1"


def test_the_page_is_written_and_nothing_foreign_is_overwritten(shared: CommandLine) -> None:
    assert shared.run("table", "page") == "table.html\n"
    assert shared.json("table", "page", "--output", "new/page.html") == {"page": "new/page.html"}
    page = (shared.folder / "new" / "page.html").read_text("utf-8")
    assert all(name in page for name in ("digits-1", "photos-1", "photos-2"))
    (shared.folder / "mine.html").write_text("mine")
    message = shared.run("table", "page", "--output", "mine.html", exit_code=2)
    assert "mine.html: exists already and is not a page that tiernas wrote" in message
    assert (shared.folder / "mine.html").read_text() == "mine"
    assert "no such folder" in shared.run("table", "page", "--table", "nowhere", exit_code=2)
