"""A table that is planned, measured by a kit, and imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tiernas.cli.commands import app
from tiernas.devices.kit import KitEngine
from tiernas.engines import TurnRule
from tiernas.errors import UsageError
from tiernas.latency import LatencyTable
from tiernas.latency.estimating import table_file
from tiernas.latency.estimating.kit import import_table, write_table_kit
from tiernas.latency.measuring.ladder import rungs_of
from tiernas.runner.results import ResultsFile
from tiernas.spaces import SearchSpace, get_space
from tiernas.testing.latency import FINGERPRINT, SPACE

QUICK = TurnRule(relative_width=10.0, min_s=0.0, limit_s=0.05)
ENGINE = KitEngine("onnxruntime")


def run(kit: Path) -> Path:
    """Runs a kit as a device does, and returns its results."""
    command = [sys.executable, "-I", kit.name, f"{kit.stem}.jsonl"]
    done = subprocess.run(command, cwd=kit.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return kit.with_suffix(".jsonl")


def space_of(name: str) -> SearchSpace:
    return get_space(name)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a kit of eight networks."""
    kit = tmp_path_factory.mktemp("kit") / "kit.pyz"
    assert write_table_kit(SPACE, ENGINE, kit, networks=8, rule=QUICK) == 8
    return run(kit)


@pytest.mark.slow
def test_results_become_a_table(measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = import_table(measured, None, space_of)
    assert found.path.name == "gpunet-small-onnxruntime-fp32.jsonl"
    assert found.networks == 8
    table = LatencyTable.load(found.path)
    assert found.path.parts[:2] == ("latency", table.header.fingerprint.device_slug)
    assert {record.vector for record in table.records} >= {rung.vector for rung in rungs_of(SPACE)}
    assert all(record.observation.measurement.in_turn for record in table.records)
    assert table.anchors_ms
    again = import_table(measured, None, space_of)
    assert (again.added, again.networks) == (0, 8)


@pytest.mark.slow
def test_a_table_is_extended_by_another_kit(measured: Path, tmp_path: Path) -> None:
    path = import_table(measured, tmp_path / "table.jsonl", space_of).path
    there = [record.vector for record in table_file.read(path)[1]]
    with pytest.raises(UsageError, match=r"networks = 8: the table has .* already; ask for more"):
        write_table_kit(SPACE, ENGINE, tmp_path / "none.pyz", networks=8, measured=there)
    assert write_table_kit(SPACE, ENGINE, tmp_path / "more.pyz", networks=10, measured=there, rule=QUICK) == 2
    found = import_table(run(tmp_path / "more.pyz"), path, space_of)
    assert found.networks == 10
    assert len(LatencyTable.load(path).records) == 10


@pytest.mark.slow
def test_results_of_another_device_or_space_are_not_mixed_in(measured: Path, tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    import_table(measured, path, space_of)
    header, *lines = path.read_text().splitlines()
    other: dict[str, Any] = json.loads(header)
    other["fingerprint"]["device"] = "another CPU"
    path.write_text("\n".join([json.dumps(other), *lines, ""]))
    with pytest.raises(UsageError, match="cannot be continued: device is another CPU, requested"):
        import_table(measured, path, space_of)
    with pytest.raises(UsageError, match="was built for space 'gpunet-small', not 'mobile-small'"):
        import_table(measured, tmp_path / "new.jsonl", lambda name: get_space("mobile-small"))
    assert not (tmp_path / "new.jsonl").exists()


@pytest.mark.slow
def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def told(*words: str) -> Any:
        return json.loads(CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).stdout)

    planned = told("latency", "plan", "--networks", "8", "--seconds", "0.05", "--output", "kit.pyz")
    assert (planned["kit"], planned["networks"]) == ("kit.pyz", 8)
    results = run(tmp_path / "kit.pyz")
    lines = results.read_text().splitlines(keepends=True)
    results.write_text("".join(lines[:4]))
    few = told("latency", "import", "kit.jsonl", "--table", "t.jsonl")
    assert few == {"table": "t.jsonl", "added": 3, "networks": 3}
    results.write_text("".join(lines))
    whole = told("latency", "import", "kit.jsonl", "--table", "t.jsonl")
    assert whole["added"] == len(lines) - 4
    assert whole["networks"] == 8
    assert "usable" in whole["verdict"]


def test_too_few_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="networks = 3: a table needs at least 8"):
        write_table_kit(SPACE, ENGINE, tmp_path / "kit.pyz", networks=3)
    assert not (tmp_path / "kit.pyz").exists()


def test_results_of_something_else_are_refused(tmp_path: Path) -> None:
    header = {"plan": "0" * 64, "about": {"results": "finalists"}, "fingerprint": FINGERPRINT.to_dict()}
    ResultsFile(tmp_path / "results.jsonl", header)
    with pytest.raises(UsageError, match="are not the results of a latency table, but of finalists"):
        import_table(tmp_path / "results.jsonl", None, space_of)
