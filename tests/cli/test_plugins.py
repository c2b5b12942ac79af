"""Plug-ins through the command line: found, listed, used, and refused in one line before anything is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.acme import SPACE, install, install_acme
from tests.cli.conftest import CommandLine
from tests.minimal import write_minimal

from tiernas.ledger import Ledger, Purpose, State


class Site(CommandLine):
    """A folder to work in, and one that packages are installed in."""

    def __init__(self, folder: Path) -> None:
        (folder / "work").mkdir()
        super().__init__(folder / "work")
        self.installed = folder / "installed"

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        paths = [str(self.installed), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from tiernas.cli import main; main()",
                *map(str, words),
            ],  # as the command is started
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200", "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": ""},
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.slow
def test_everything_is_listed(site: Site) -> None:
    broken = {"tiernas.engines": {"worse": "acme_worse:Engine", "openvino": "acme.engines:Engine"}}
    install_acme(site.installed)
    install(site.installed, "acme_worse", "print('hello')\n1 / 0", broken)
    lines = {
        (line["kind"], line["name"]): line for line in site.json("plugins")["plugins"] if line["origin"] != "built-in"
    }
    assert {key: line["problem"] for key, line in lines.items() if "worse" not in line["origin"]} == {
        ("search space", "acme"): None,
        ("engine", "acme"): None,
        ("optimizer", "patient"): None,
        ("kind of data", "acme-digits"): None,
        ("kind of teacher", "mean"): None,
    }
    assert "acme_worse cannot be imported: ZeroDivisionError" in lines["engine", "worse"]["problem"]
    assert "the name is ambiguous" in lines["engine", "openvino"]["problem"]
    assert lines["search space", "acme"]["origin"] == "acme 1.0"
    assert lines["search space", "acme"]["use"] == 'study.space = "acme"'


def test_what_is_broken_is_shown_with_the_reason(site: Site) -> None:
    install(site.installed, "worse", "print('hello')\n1 / 0", {"tiernas.engines": {"worse": "worse:Engine"}})
    shown = site.run("plugins")
    assert 'search.optimizer = "lamcts"' in shown
    assert "broken: worse 1.0" in shown
    assert "engine worse (worse 1.0, worse:Engine) cannot be used: worse cannot be imported: ZeroDivisionError" in shown
    assert "hello" not in shown


def test_help_imports_neither_torch_nor_plugins(site: Site) -> None:
    install(site.installed, "acme", "raise SystemExit('imported')", {"tiernas.spaces": {"acme": "acme:SPACE"}})
    assert "plugins" in site.run("--help")
    code = "from tiernas.cli.commands import app; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_search_that_names_nothing_does_not_begin(site: Site) -> None:
    install_acme(site.installed)
    write_minimal(site.folder)
    said = site.run("search", "mine.toml", "--set", "study.space=acme.spaces:SPAC", exit_code=2)
    (line,) = said.splitlines()
    assert line == (
        "tiernas: mine.toml: study.space = 'acme.spaces:SPAC': acme.spaces has no 'SPAC'; did you mean 'SPACE'?"
    )
    assert [file.name for file in site.folder.iterdir()] == ["mine.toml"]


def test_a_module_in_the_working_directory(site: Site) -> None:
    install(site.folder, "local", SPACE)
    said = site.run("latency", "show", "--space", "local:SPACE", exit_code=2)
    assert "latency/local.SPACE-openvino-fp32.jsonl: there is no such latency table" in said


SEARCH = """
[study]
name = "mine"
space = "acme"
output = "run"

[data]
kind = "acme-digits"
train_limit = 100
validation_fraction = 0.05
test_fraction = 0.05
[data.options]
classes = 3

[recipe]
epochs = 1

[engine]
name = "acme"

[latency]
networks = 10
inaccurate = true

[tiers]
edges = [0.0001, 1000]
pool = 256

[search]
optimizer = "patient"
trainings = 2
[search.options]
patience = 2

[finalists]
per_tier = 1
repeats = 0
epochs = 1
measure_seconds = 0.5

[workers]
count = 1
"""


@pytest.mark.slow
def test_a_search_with_plugins_to_its_end(site: Site) -> None:
    install_acme(site.installed)
    (site.folder / "mine.toml").write_text(SEARCH)
    build = [
        "--space",
        "acme.spaces:SPACE",
        "--engine",
        "acme",
        "--classes",
        "3",
        "--networks",
        "8",
        "--seconds",
        "0.3",
    ]
    built = site.json("latency", "build", *build, "--table", "run/latency-table.jsonl")
    assert (built["space"], built["engine"], built["plugin"]) == ("acme", "acme", "acme.engines:Engine")
    (entry,) = site.json("search", "mine.toml")["entries"]
    assert (entry["space"], entry["engine"], entry["classes"]) == ("acme", "acme", ["0", "1", "2"])
    with Ledger(site.folder / "run" / "ledger.sqlite") as ledger:
        (study,) = ledger.studies()
        assert {
            k: v for k, v in study.settings.items() if k.startswith(("study.space", "search.opt", "engine.name"))
        } == {
            "study.space": "acme",
            "study.space.digest": study.settings["study.space.digest"],
            "search.optimizer": "patient",
            "search.options.patience": 2,
            "engine.name": "acme",
        }
        assert [c.state for c in ledger.candidates(study, Purpose.SEARCH)] == [State.DONE] * 2
    header = json.loads((site.folder / "run" / "latency-table.jsonl").read_text().splitlines()[0])
    assert (header["space"], header["space_reference"], header["space_package"]) == (
        "acme",
        "acme.spaces:SPACE",
        "acme 1.0",
    )
    assert (header["fingerprint"]["engine"], header["fingerprint"]["plugin"]) == ("acme", "acme.engines:Engine")
    again = site.json("search", "mine.toml")["entries"]
    assert again == [entry], "the second call finds everything done"

    install_acme(site.installed, spaces=SPACE.replace("(16, 32)", "(16, 48)"))
    said = site.run("search", "mine.toml", "--set", "data.image_size=32", exit_code=2)
    assert "study.space.digest was" in said
