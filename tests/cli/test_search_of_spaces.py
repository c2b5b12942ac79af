"""The whole job in a space whose networks are written layer by layer, on both engines for CPUs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine, write_tiny

from tiernas.ledger import Ledger, Purpose, State
from tiernas.spaces import LayeredArchitecture, architecture_from_json, get_space


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("name", ["mobile-small"])
def test_search_to_its_end(name: str, engine: str, tmp_path: Path) -> None:
    command_line, space = CommandLine(tmp_path), get_space(name)
    command_line.run(
        *("latency", "build", "--space", name, "--engine", engine, "--table", "table.jsonl"),
        *("--networks", "8", "--seconds", "0.5"),
    )
    changes = [
        ('space = "gpunet-small"', f'space = "{name}"'),
        ("[data]", f'[engine]\nname = "{engine}"\n\n[data]'),
        ("edges = TWO_TIERS", "edges = ONE_TIER"),
        ("trainings = 4", "trainings = 2"),
    ]
    write_tiny(tmp_path, tmp_path / "table.jsonl", changes=changes)
    (found,) = command_line.json("search", "tiny.toml")["entries"]
    entry = found["name"]
    with Ledger(tmp_path / "run" / "ledger.sqlite") as ledger:
        (study,) = ledger.studies()
        candidates = ledger.candidates(study, Purpose.SEARCH)
    assert [candidate.state for candidate in candidates] == [State.DONE] * 2
    assert [space.decode(candidate.vector).digest for candidate in candidates] == [c.digest for c in candidates]
    assert (found["engine"], found["space"]) == (engine, name)
    command_line.run("table", "export", entry, "--table", "models", "--output", "out")
    architecture = architecture_from_json((tmp_path / "out" / f"{entry}.json").read_text())
    assert isinstance(architecture, LayeredArchitecture)
    assert space.encode(architecture).tolist() == found["vector"]
    checked = subprocess.run(
        [sys.executable, "-B", "classify.py", "--check"],
        cwd=tmp_path / "out",
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
