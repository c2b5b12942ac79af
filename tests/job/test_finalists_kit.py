"""A search for a device without a connection, to its end, with the kit run by another Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine, write_tiny

from tiernas.config import load_config
from tiernas.errors import UsageError
from tiernas.job.finalists_kit import write_finalists_kit
from tiernas.latency.estimating import table_file
from tiernas.ledger import Ledger, Purpose, State
from tiernas.testing.latency import HEADER, records

BY_KIT = """
[device]
address = "kit"

[engine]
name = "onnxruntime"

[latency]"""


def run(kit: Path, results: str) -> Path:
    """Runs a kit as a device does."""
    command = [sys.executable, "-I", kit.name, results]
    done = subprocess.run(command, cwd=kit.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return kit.with_name(results)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_search_waits_for_its_kit_and_enters_what_it_measured(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path)
    command_line.run(
        "latency", "plan", "--engine", "onnxruntime", "--networks", "8", "--seconds", "0.5", "--output", "table.pyz"
    )
    run(tmp_path / "table.pyz", "table-results.jsonl")
    table = tmp_path / "table.jsonl"
    command_line.run("latency", "import", "table-results.jsonl", "--table", table)
    write_tiny(tmp_path, table, changes=[("\n[latency]", BY_KIT)])

    said = command_line.run("search", "tiny.toml", exit_code=3)
    assert "must be measured on" in said
    assert "tiernas finalists plan" in said
    with Ledger(tmp_path / "run" / "ledger.sqlite") as ledger:
        for study in ledger.studies():
            assert all(candidate.state is State.DONE for candidate in ledger.candidates(study))
            assert not ledger.candidates(study, Purpose.FINAL)

    planned = command_line.json("finalists", "plan", "tiny.toml")
    assert planned["networks"] == 8
    results = run(tmp_path / "kit.pyz", "results.jsonl")
    lines = results.read_text().splitlines(keepends=True)
    wrong = command_line.run("finalists", "import", "tiny.toml", "table-results.jsonl", exit_code=2)
    assert "are the results of latency table of no search, not of the finalists of tiny" in wrong
    results.write_text("".join(lines[:3]))
    assert command_line.json("finalists", "import", "tiny.toml", results) == {"results": 2}
    results.write_text("".join(lines))
    assert command_line.json("finalists", "import", "tiny.toml", results) == {"results": len(lines) - 1}
    results.write_text("".join(lines[:3]))
    assert "has fewer results" in command_line.run("finalists", "import", "tiny.toml", results, exit_code=2)

    found = command_line.json("search", "tiny.toml")
    assert 1 <= len(found["entries"]) <= 2
    with Ledger(tmp_path / "run" / "ledger.sqlite") as ledger:
        for study in ledger.studies():
            for finalist in ledger.candidates(study, Purpose.FINAL):
                assert finalist.measurement is not None
                assert finalist.measurement["deployment"]["latency"] is None
                assert len(finalist.measurement["measurements"]) == 1
    for entry in found["entries"]:
        assert entry["latency_ms"] > 0
        command_line.json("table", "export", entry["name"], "--table", "models", "--output", entry["name"])
    message = command_line.run("finalists", "plan", "tiny.toml", exit_code=3)
    assert "no network needs to be measured now" in message


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A synthetic table of OpenVINO."""
    path = tmp_path / "table.jsonl"
    table_file.create(path, HEADER)
    for record in records(10):
        table_file.append(path, record)
    return path


def test_a_search_with_another_device_has_no_kits(tmp_path: Path, table: Path) -> None:
    write_tiny(tmp_path, table)
    with pytest.raises(UsageError, match=r"device\.address = None: kits are for a search with address = 'kit'"):
        write_finalists_kit(load_config(tmp_path / "tiny.toml"), tmp_path / "kit.pyz")


def test_the_table_must_be_of_the_device_too(tmp_path: Path, table: Path) -> None:
    write_tiny(tmp_path, table, changes=[("\n[latency]", BY_KIT)])
    config = load_config(tmp_path / "tiny.toml")
    with pytest.raises(UsageError, match=r"engine\.name = 'onnxruntime': the latency table .* with 'openvino'"):
        write_finalists_kit(config, tmp_path / "kit.pyz")
    text = (tmp_path / "tiny.toml").read_text().replace(f'table = "{table}"\n', "")
    (tmp_path / "tiny.toml").write_text(text)
    with pytest.raises(UsageError, match=r"device\.address = 'kit': the latency table must be of that device"):
        load_config(tmp_path / "tiny.toml")
