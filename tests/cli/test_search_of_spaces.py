"""The whole job in spaces whose networks are defined layer by layer: on both engines, and around a parent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine, write_tiny
from tests.parents import PARENT_NETWORK

from tiernas.ledger import Ledger, Purpose, State
from tiernas.spaces import (
    LayeredArchitecture,
    ParentSpace,
    architecture_from_json,
    get_space,
    read_architecture,
    write_space,
)
from tiernas.training import DataConfig, RecipeConfig, load_data, train


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
        ("TWO_TIERS", "ANY_LATENCY"),
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
    architecture = architecture_from_json((tmp_path / "out" / entry / f"{entry}.json").read_text())
    assert isinstance(architecture, LayeredArchitecture)
    assert space.encode(architecture).tolist() == found["vector"]
    checked = subprocess.run(
        [sys.executable, "-B", "classify.py", "--check"],
        cwd=tmp_path / "out" / entry,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.slow
def test_search_around_a_parent(tmp_path: Path) -> None:
    command_line, half = CommandLine(tmp_path), (0.5, 0.5, 0.5)
    recipe = RecipeConfig(epochs=2, input_mean=half, input_std=half)
    data = load_data(DataConfig(train_limit=100))
    train(PARENT_NETWORK, data, recipe, seed=0, checkpoint_dir=tmp_path / "trained")
    write_space(ParentSpace(PARENT_NETWORK, resolution=(24, 32), num_classes=10), tmp_path / "space.json")
    command_line.run(
        *("latency", "build", "--space", "space.json", "--table", "table.jsonl"),
        *("--networks", "8", "--seconds", "0.5"),
    )
    parent = f'[parent]\nnetwork = "{tmp_path}/trained"\nresolution = [24, 32]\ncompared = [24]\n\n[data]'
    changes = [
        ('space = "gpunet-small"', 'space = "parent"'),
        ("[data]", parent),
        ("TWO_TIERS", "ANY_LATENCY"),
        ("trainings = 4", "trainings = 2"),
    ]
    write_tiny(tmp_path, tmp_path / "table.jsonl", changes=changes)
    found, whole = command_line.json("search", "tiny.toml")["entries"]
    space = get_space(str(tmp_path / "run" / "space.json"))
    with Ledger(tmp_path / "run" / "ledger.sqlite") as ledger:
        (study,) = ledger.studies()
        candidates = ledger.candidates(study, Purpose.SEARCH)
    assert [candidate.state for candidate in candidates] == [State.DONE] * 2
    assert [space.decode(candidate.vector).digest for candidate in candidates] == [c.digest for c in candidates]
    assert study.settings["study.space.digest"] == space.digest
    assert study.settings["recipe.start"].startswith("sha256:")
    assert (found["space"], found["recipe"]["start"]) == ("parent", study.settings["recipe.start"])
    assert found["input_mean"] == list(half)
    assert (
        space.encode(read_architecture(tmp_path / "models" / found["name"] / "architecture.json")).tolist()
        == (found["vector"])
    )
    assert isinstance(space, ParentSpace)
    assert whole["name"].startswith("tiny-parent-24-")
    assert (tuple(whole["vector"]), whole["recipe"]) == (space.whole(24), found["recipe"])
    assert not list((tmp_path / "run" / "cache").glob("start-*")), "nothing is left to train"
    assert command_line.json("search", "tiny.toml")["entries"] == [found, whole], "nothing is left to do"
    more = ["--set", "search.trainings=3"]
    assert command_line.json("search", "tiny.toml", *more)["entries"], "an extended search writes it again"
    with Ledger(tmp_path / "run" / "ledger.sqlite") as ledger:
        assert [c.state for c in ledger.candidates(study, Purpose.SEARCH)] == [State.DONE] * 3
