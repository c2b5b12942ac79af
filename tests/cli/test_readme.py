"""Every command and every line of Python in the README and the guides beside it runs as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import ANY_LATENCY, CommandLine
from tests.cli.test_help import parse

from tiernas.config import load_config

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_STEPS, *GUIDES = (
    (ROOT / "docs" / f"{page}.md").read_text("utf-8") for page in ("first-steps", "photos", "measuring")
)


def commands_in(page: str) -> list[str]:
    return [line[2:] for block in re.findall(r"```console\n(.*?)```", page, re.S) for line in block.splitlines()]


COMMANDS = commands_in(README)
TIERNAS = [
    command.removeprefix(".venv/bin/")
    for page in (FIRST_STEPS, README, *GUIDES)  # the README's query is for the table of the demo, without other data
    for command in commands_in(page)
    if "tiernas " in command
]
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
    assert told == {"docs", "test", "test-slow", "test-all", *named}
    assert told <= set(targets)


def test_links_lead_somewhere() -> None:
    """Those of `docs/` are checked where the site is built (`tests/website`)."""
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_python_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text("utf-8"), re.S)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=200)


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.stem
)
def test_calls_that_are_not_run_are_right(path: Path) -> None:
    for call in re.findall(r"^\$ (tiernas .*)", path.read_text("utf-8"), re.M):
        parse(call)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_commands_run(tmp_path: Path, latency_table: Path) -> None:
    """In order, in an empty folder, and smaller: fewer networks, fewer trainings."""
    command_line = CommandLine(tmp_path)
    (tmp_path / "latency").mkdir()
    (tmp_path / "latency" / "gpunet-small-openvino-fp32.jsonl").write_bytes(latency_table.read_bytes())
    small = _set([*SMALLER["search"], f'latency.table="{latency_table}"', f"tiers.edges={ANY_LATENCY}"])
    ran = 0
    for command in TIERNAS:
        words = shlex.split(command)[1:]
        for place, word in enumerate(words):
            if word.startswith("digits-"):
                words[place] = command_line.json("table", "list")[0]["name"]
        if "--max-latency-ms" in words:
            words[words.index("--max-latency-ms") + 1] = "50"
        if words[0] == "init":
            words += ["--space", "gpunet-small", "--engine", "openvino", *small]
        if words == ["search", "digits.toml"]:
            words += small
        words += SMALLER.get(words[1], []) if words[0] == "latency" else []
        command_line.run(*words)
        ran += 1
    assert ran >= 20


def test_the_files_of_large_searches_are_right(tmp_path: Path) -> None:
    """They cannot be run here, but they are read."""
    (file,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "large.md").read_text("utf-8"), re.S)
    (tmp_path / "products.toml").write_text(file)
    assert load_config(tmp_path / "products.toml").workers.gpus == 1


def _set(values: list[str]) -> list[str]:
    return [word for value in values for word in ("--set", value)]
