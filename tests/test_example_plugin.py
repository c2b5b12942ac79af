"""The package of examples/plugin as its README says: wheels in a fresh environment, and a search to its end."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from tests.built import Environment, build_sdist, build_wheel
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


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    home = tmp_path_factory.mktemp("example")
    folder = home / "plugin"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("src", "runs", "build", "__pycache__"))
    wheels = [build_wheel(build_sdist(project, home / "sources" / project.name)) for project in (ROOT, EXAMPLE)]
    return Environment(home, folder, *wheels)


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
