"""The commands that need no measuring, on a synthetic table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tiernas.blocks import layer_from_dict
from tiernas.cli.commands import app
from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.latency import default_path
from tiernas.latency.estimating import table_file
from tiernas.testing.latency import HEADER, SPACE, records, records_in_turn, shaken
from tiernas.tier_edges import edges_text


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a table at its default place."""
    monkeypatch.chdir(tmp_path)
    path = default_path("gpunet-small", "openvino", "fp32")
    table_file.create(path, HEADER)
    for record in records(10):
        table_file.append(path, record)
    return tmp_path


def write_wrong(path: Path) -> None:
    """A table whose networks took anything between."""
    table_file.create(path, HEADER)
    for record in shaken(records(24), 0.4):
        table_file.append(path, record)


def run(*arguments: str) -> str:
    """What a command prints on stdout; raises what it raises."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False).stdout


def test_show_json() -> None:
    shown = json.loads(run("latency", "show", "--layers", "3", "--json"))
    assert (shown["space"], shown["networks"], len(shown["layers"])) == ("gpunet-small", 10, 3)
    for found in shown["layers"]:
        layer = layer_from_dict({key: found[key] for key in found.keys() - {"latency_ms", "networks", "name"}}, "layer")
        assert found["name"] == layer.label


def test_show_text() -> None:
    shown = run("latency", "show")
    assert "AMD EPYC 7763" in shown
    (slowest,) = json.loads(run("latency", "show", "--layers", "1", "--json"))["layers"]
    assert slowest["name"] in shown


def test_show_ends_with_the_verdict() -> None:
    told = json.loads(run("latency", "show", "--json"))["verdict"]
    assert (told["usable"], told["inside"]["least"]) == (True, 0.5)
    assert told["inside"]["low"] <= told["inside"]["share"] <= told["inside"]["high"]
    assert run("latency", "show").splitlines()[-1].startswith(told["reason"])


def test_show_of_a_table_that_is_wrong_says_how_to_measure_on() -> None:
    write_wrong(default_path("gpunet-small", "openvino", "fp32"))
    told = json.loads(run("latency", "show", "--json"))["verdict"]
    assert (told["usable"], told["in_order"]["least"]) == (False, 0.7)
    assert "not good enough for a search" in told["reason"]
    *_, last = run("latency", "show").splitlines()
    assert last == f"{told['reason']}. Measure more, on a quieter machine if possible, with: {told['command']}"


def test_build_ends_with_the_verdict(tmp_path: Path) -> None:
    path = tmp_path / "here.jsonl"
    table_file.create(path, table_file.new_header(SPACE, 10, 0, get_engine("openvino").fingerprint()))
    for record in records(10):
        table_file.append(path, record)
    words = "latency", "build", "--networks", "8", "--table", str(path)  # there are more already: none is measured
    told = json.loads(run(*words, "--json"))["verdict"]
    assert told["usable"]
    assert run(*words).splitlines()[-1].startswith(told["reason"])


def test_tiers_json() -> None:
    found = json.loads(run("tiers", "--edges", "0.01,0.5,50", "--networks", "256", "--json"))
    assert [tier["tier"] for tier in found["tiers"]] == ["0.01-0.5", "0.5-50"]
    assert sum(tier["networks"] for tier in found["tiers"]) <= 256


def test_tiers_text() -> None:
    assert "0.01-50" in run("tiers", "--edges", "0.01,50", "--networks", "64")


def test_tiers_are_proposed() -> None:
    found = json.loads(run("tiers", "--networks", "256", "--json"))
    assert [quantile["share"] for quantile in found["quantiles"]] == [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0]
    assert all(tier["networks"] for tier in found["tiers"])
    edges = edges_text(found["edges_ms"])
    assert json.loads(run("tiers", "--edges", edges, "--networks", "256", "--json"))["tiers"] == found["tiers"]
    assert f"Proposed: --edges {edges}, " in run("tiers", "--networks", "256")


def test_tiers_within_limits() -> None:
    words = "tiers", "--edges", "0.01,50", "--networks", "256"
    options = "--max-params", "500000", "--max-macs", "30000000"
    free, limited = (json.loads(run(*words, "--json", *more)) for more in ((), options))
    (everything,), (rest,) = free["tiers"], limited["tiers"]
    assert (free["limits"], limited["limits"]) == ({}, {"params": 500_000, "macs": 30_000_000})
    assert everything["excluded"] == 0
    assert 0 < rest["excluded"] == everything["networks"] - rest["networks"] < everything["networks"]
    assert "beyond the limits" not in run(*words)
    assert "beyond the limits" in run(*words, *options)
    message = r"tier '0\.01-50': none of the \d+ sampled networks .*: weights_mb = 0\.001 excludes \d+; the nearest"
    with pytest.raises(UsageError, match=message):
        run(*words, "--max-weights-mb", "0.001")
    with pytest.raises(UsageError, match="params = 0: must be above 0"):
        run(*words, "--max-params", "0")


def test_tiers_warn_where_the_table_is_wrong() -> None:
    words = "tiers", "--edges", "0.01,0.5,0.53,50", "--networks", "256"
    assert "not good enough" not in CliRunner().invoke(app, words, catch_exceptions=False).stderr
    write_wrong(default_path("gpunet-small", "openvino", "fp32"))
    warned = CliRunner().invoke(app, words, catch_exceptions=False).stderr
    assert "not good enough for a search" in warned
    assert "tiernas latency build" in warned
    assert "tier 0.5-0.53 ms is 6 % wide" in warned
    assert not json.loads(run(*words, "--json"))["verdict"]["usable"]


def test_bad_edges_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="increasing"):
        run("tiers", "--edges", "2,1")


def test_check_refuses_a_table_of_another_device() -> None:
    with pytest.raises(UsageError, match="device is AMD EPYC 7763"):
        run("latency", "check")


def test_check_of_a_bad_tier_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="tier '9': must be two numbers"):
        run("latency", "check", "--tier", "9")


def test_show_says_that_the_machine_was_never_quiet() -> None:
    path = default_path("gpunet-small", "openvino", "fp32")
    for louds, said in (((1.0, 3.0, 6.0), True), ((1.0,), False)):
        table_file.create(path, HEADER)
        for record in records_in_turn(12, louds=louds):
            table_file.append(path, record)
        shown = " ".join(run("latency", "show").split())
        assert ("the machine was never quiet: the scale is known within" in shown) == said
        assert json.loads(run("latency", "show", "--json"))["quiet"] == (not said)


@pytest.mark.parametrize("command", ["build", "check"])
def test_no_time_to_measure_in_is_a_usage_error(command: str, folder: Path) -> None:
    table = folder / "here.jsonl"
    table_file.create(table, replace(HEADER, fingerprint=get_engine("openvino").fingerprint()))
    for record in records(10):
        table_file.append(table, record)
    with pytest.raises(UsageError, match="--seconds 0: must be positive"):
        run("latency", command, "--table", str(table), "--seconds", "0")
