"""The package of examples/plugin as its README says: wheels in a fresh environment, and a search to its end."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest
from tests.example import EXAMPLE, OFFERED

ROOT = Path(__file__).parents[1]
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
COMMANDS = [line[2:] for block in re.findall(r"```console\n(.*?)```", README, re.S) for line in block.splitlines()]
SMALLER = [
    "search.trainings=2",
    "data.train_limit=200",
    "recipe.epochs=1",
    "latency.networks=10",
    "latency.inaccurate=true",
    "tiers.edges=[0.0001, 1000]",
    "tiers.pool=256",
    "finalists.epochs=1",
    "finalists.repeats=0",
    "finalists.measure_seconds=0.5",
    "workers.count=1",
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Environment:
    """A fresh environment that has tiernas and the package by their wheels, and a folder to work in.

    What they depend on is that of the environment that runs the tests.
    """

    def __init__(self, home: Path) -> None:
        venv.create(home / "environment", symlinks=True)
        self.bin = home / "environment" / "bin"
        self.folder = home / "plugin"
        shutil.copytree(EXAMPLE, self.folder, ignore=shutil.ignore_patterns("src", "runs", "build", "__pycache__"))
        wheels = [_wheel(ROOT, home / "tiernas"), _wheel(EXAMPLE, home / "acme")]
        pip = [sys.executable, "-m", "pip", "--python", str(self.bin / "python")]
        self._run([*pip, "install", "--quiet", "--no-index", "--no-deps", *map(str, wheels)])
        (site,) = home.glob("environment/lib/python*/site-packages")
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    def run(self, command: str, *more: str) -> str:
        """Stdout of a command of the README."""
        program, *words = shlex.split(command)
        return self._run([str(self.bin / program), *words, *more])

    def json(self, command: str, *more: str) -> Any:
        return json.loads(self.run(command, *more, "--json"))

    def _run(self, words: list[str]) -> str:
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST"))}
        ran = subprocess.run(words, cwd=self.folder, env=environ, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{words} exited with {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        assert "Traceback" not in ran.stderr
        return ran.stdout


def _wheel(project: Path, into: Path) -> Path:
    """The wheel of a project, built of a copy, so that nothing is left beside its sources."""
    source = into / "source"
    shutil.copytree(project / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (project / name).exists():
            shutil.copy(project / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(into), str(source)], check=True)
    (wheel,) = into.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("example"))


def _commands(*beginnings: str) -> list[str]:
    """The commands of the README that begin so, each of which there must be."""
    found = [command for command in COMMANDS if command.startswith(beginnings)]
    assert len(found) == len(beginnings)
    return found


def test_every_command_is_run_by_these_tests() -> None:
    ran = _commands("tiernas plugins", "python -m acme", "tiernas search", "tiernas table query", "python -m pytest")
    assert [command for command in COMMANDS if command not in ran] == ["pip install .", "pip install pytest"]


def test_what_is_imported_is_what_was_installed(environment: Environment) -> None:
    code = "import acme_tiernas.sandglass, tiernas; print(acme_tiernas.sandglass.__file__, tiernas.__file__)"
    for file in environment.run("python -c", code).split():
        assert file.startswith(str(environment.bin.parent))


def test_a_search_with_it_to_its_end(environment: Environment) -> None:
    plugins, digits, search, query = _commands(
        "tiernas plugins", "python -m acme", "tiernas search", "tiernas table query"
    )
    listed = [line for line in environment.json(plugins)["plugins"] if line["origin"] == "acme-tiernas 1.0"]
    assert {line["name"]: line["reference"] for line in listed} == {
        name: reference for offered in OFFERED.values() for name, reference in offered.items()
    }
    assert [line["problem"] for line in listed] == [None] * len(OFFERED)

    environment.run(digits)
    (found,) = environment.json(search, *(word for value in SMALLER for word in ("--set", value)))["entries"]
    entry = environment.json(re.sub(r"(--max-latency-ms) \S+", r"\1 1000", query))
    assert entry["name"] == found["name"]
    assert (entry["space"], entry["engine"]) == ("acme-sandglass", "acme-camera")
    assert entry["classes"] == list("0123456789")
    header = json.loads((environment.folder / "runs" / "acme" / "latency-table.jsonl").read_text().splitlines()[0])
    assert header["space_package"] == "acme-tiernas 1.0"

    exported = environment.folder / "out"
    environment.run("tiernas table export", entry["name"], "--table", "runs/model-table", "--output", str(exported))
    assert "acme-camera" in (exported / entry["name"] / "README.md").read_text()


def test_its_conformance_suites_pass(environment: Environment) -> None:
    (suites,) = _commands("python -m pytest")
    assert " passed" in environment.run(suites, "-p", "no:cacheprovider")
