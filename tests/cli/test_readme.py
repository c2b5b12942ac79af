"""Every command and every line of Python in the README runs as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import ANY_LATENCY, CommandLine

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line[2:] for block in re.findall(r"```console\n(.*?)```", README, re.S) for line in block.splitlines()]
TIERNAS = [command.removeprefix(".venv/bin/") for command in COMMANDS if "tiernas " in command.split("#")[0]]
SMALLER = {
    "search": [
        "search.trainings=4",
        "recipe.epochs=1",
        "finalists.epochs=1",
        "finalists.per_tier=1",
        "finalists.measure_seconds=0.5",
        "tiers.pool=1024",
        "latency.inaccurate=true",
        "data.train_limit=100",
        "data.validation_fraction=0.05",
        "data.test_fraction=0.05",
    ],
    "build": ["--networks", "8"],
    "check": ["--networks", "3"],
    "factors": ["--base", "gpunet_p0", "--resolution", "64", "--factor", "squeeze-excite"],
    "measure": ["--resolution", "64", "--seconds", "0.5"],
}


def test_make_targets_are_in_the_makefile() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    named = [command.split()[1] for command in COMMANDS if command.startswith("make ")]
    assert named == ["demo", "check"]
    told = set(re.findall(r"(?:\$ |`)make ([\w-]+)", README))
    assert told == {"test", "test-slow", "test-all", *named}
    assert told <= set(targets)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_python_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=200)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_commands_run(tmp_path: Path, latency_table: Path) -> None:
    """In order, in an empty folder, and smaller: fewer networks, fewer trainings."""
    command_line = CommandLine(tmp_path)
    (tmp_path / "latency").mkdir()
    (tmp_path / "latency" / "gpunet-small-openvino-fp32.jsonl").write_bytes(latency_table.read_bytes())
    small = [*SMALLER["search"], f'latency.table="{latency_table}"', f"tiers.edges={ANY_LATENCY}"]
    command_line.run("example", "digits", "--output", "digits.toml")
    command_line.run("search", "digits.toml", *_set(small))
    (name, *_) = [entry["name"] for entry in command_line.json("table", "list")]
    ran = 0
    for command in TIERNAS:
        words = [name if word.startswith("digits-") else word for word in shlex.split(command)[1:]]
        if "--max-latency-ms" in words:
            words[words.index("--max-latency-ms") + 1] = "50"
        if words[0] == "init":
            words += ["--space", "gpunet-small", "--engine", "openvino", *_set(small)]
        words += SMALLER.get(words[1], []) if words[0] == "latency" else []
        command_line.run(*words)
        ran += 1
    assert ran >= 10


def _set(values: list[str]) -> list[str]:
    return [word for value in values for word in ("--set", value)]
