"""Plug-ins through the command line: found, listed, used, and refused in one line before anything is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.cli.conftest import CommandLine
from tests.minimal import write_minimal
from tests.packages import write_package

from tiernas.ledger import Ledger, Purpose, State

SPACE = """
    from tiernas.spaces import ConvNetSpace, StageRange

    STAGE = StageRange(filters=(8, 16, 8), layers=(0, 1), expansion=(2, 3))
    SPACE = ConvNetSpace(
        "acme", resolution=(16, 32), stem_filters=(8, 16), stem_layers=(1, 2), stages=(STAGE,) * 6,
        head_filters=32, num_classes=10,
    )
"""

ENGINE = """
    from tiernas.engines.openvino import OpenVinoEngine

    class Engine(OpenVinoEngine):
        name = "acme"
"""

OPTIMIZER = """
    from tiernas.search import RandomSearch

    class Optimizer(RandomSearch):
        def __init__(self, levels, *, patience: int = 1, **problem):
            super().__init__(levels, **problem)
            if patience < 1:
                raise ValueError(f"patience = {patience}: must be at least 1")
"""

DATA = """
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits
    from tiernas.training.sources import Part, Source

    def open_digits(classes: int = 10) -> Source:
        digits = load_digits(n_class=classes)
        images = (digits.images * 15).astype(np.uint8)
        names = [f"digit {i}" for i in range(len(images))]
        part = Part(digits.target, names, lambda i: Image.fromarray(images[i]))
        return Source(tuple(map(str, range(classes))), part, flip_safe=False)
"""

TEACHER = """
    import torch

    class Mean(torch.nn.Module):
        def __init__(self, num_classes: int) -> None:
            super().__init__()
            self.mean = torch.nn.Parameter(torch.zeros(num_classes))

        def forward(self, images):
            return self.mean + images.mean(dim=(1, 2, 3))[:, None] * torch.arange(len(self.mean))

    def make(num_classes: int, *, strength: float) -> torch.nn.Module:
        return Mean(num_classes)
"""

MODULES = {"spaces": SPACE, "engines": ENGINE, "optimizers": OPTIMIZER, "data": DATA, "teachers": TEACHER}

OFFERED = {
    "tiernas.spaces": {"acme": "acme.spaces:SPACE"},
    "tiernas.engines": {"acme": "acme.engines:Engine"},
    "tiernas.optimizers": {"patient": "acme.optimizers:Optimizer"},
    "tiernas.data": {"acme-digits": "acme.data:open_digits"},
    "tiernas.teachers": {"mean": "acme.teachers:make"},
}


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

    def install(
        self,
        modules: Mapping[str, str] = MODULES,
        offered: Mapping[str, Mapping[str, str]] = OFFERED,
        name: str = "acme",
    ) -> None:
        write_package(self.installed, name, modules, entry_points=offered)

    def refused(self, *overrides: str) -> str:
        """What `search` says, which must not have begun anything."""
        config = self.folder / "mine.toml"
        if not config.exists():
            write_minimal(self.folder)
        words = [word for override in overrides for word in ("--set", override)]
        said = self.run("search", config, *words, exit_code=2)
        assert len(said.splitlines()) <= 2, said  # where the output goes, and the message
        assert not list(self.folder.glob("run/*.jsonl"))
        return said.splitlines()[-1]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_everything_is_listed(site: Site) -> None:
    broken = {"tiernas.engines": {"worse": "acme_worse:Engine", "openvino": "acme.engines:Engine"}}
    site.install()
    site.install({"": "print('hello')\n1 / 0"}, broken, name="acme_worse")
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
    assert "several have this name" in lines["engine", "openvino"]["problem"]
    assert lines["search space", "acme"]["origin"] == "acme 1.0"
    assert lines["search space", "acme"]["use"] == 'study.space = "acme"'
    shown = site.run("plugins")
    assert 'search.optimizer = "patient"' in shown
    assert "broken: acme_worse 1.0" in shown
    assert "hello" not in shown


def test_help_imports_neither_torch_nor_plugins(site: Site) -> None:
    site.install({"": "raise SystemExit('imported')"}, {"tiernas.spaces": {"acme": "acme:SPACE"}})
    assert "plugins" in site.run("--help")
    code = "from tiernas.cli.commands import app; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "study.space=acme.spaces:SPAC",
            "study.space = 'acme.spaces:SPAC': acme.spaces has no 'SPAC'; did you mean 'SPACE'?",
        ),
        ("study.space=acme.space:SPACE", "there is no module 'acme.space'; did you mean 'spaces'?"),
        (
            "study.space=acme.engines:Engine",
            "is not a search space: Engine has no dimensions, num_classes, decode, encode",
        ),
        (
            "study.space=amce",
            "no such search space; there are: gpunet, gpunet-wide, gpunet-small, acme; did you mean 'acme'?",
        ),
        (
            "engine.name=acme.spaces:SPACE",
            "engine 'acme.spaces:SPACE': is not an engine: a ConvNetSpace has no precisions",
        ),
        ("engine.name=acme:", "engine.name = 'acme:': must be written as package.module:object"),
        ("search.optimizer=acme.data:open_digits", "is not an optimizer: a function has no ask, tell, add_pending"),
        (
            "data.kind=acme.spaces:SPACE",
            "must be a function that returns a tiernas.training.sources.Source, not a ConvNetSpace",
        ),
        ("data.kind=acme.teachers:Mean", "data.kind = 'acme.teachers:Mean': data.options.num_classes is missing"),
    ],
)
def test_what_does_not_fit_is_one_message(site: Site, override: str, said: str) -> None:
    site.install()
    assert said in site.refused(override)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["search.optimizer=patient", "search.options={patienc=3}"],
            "unknown key search.options.patienc; did you mean 'patience'?",
        ),
        (
            ["search.optimizer=patient", "search.options={patience='x'}"],
            "search.options.patience = 'x': input should be a valid integer",
        ),
        (
            ["search.optimizer=patient", "search.options={patience=0}"],
            "failed with ValueError: patience = 0: must be at least 1",
        ),
        (["search.options={n_initial=1}"], "search.options: n_initial must be 2 or more"),
        (["search.options={seed=1}"], "unknown key search.options.seed; known: n_initial, leaf_size, exploration"),
        (
            ["data.kind=acme-digits", "data.options={klasses=3}"],
            "unknown key data.options.klasses; did you mean 'classes'?",
        ),
        (["data.kind=acme-digits", "data.path=x"], "does not exist"),
        (["data.kind=acme-digits", "data.path=."], "data.path: there is no place for it"),
        (["data.kind=acme-digits", "data.options={classes=1}"], "there is only one class"),
        (["data.options={classes=3}"], "options is only for kind = package.module:function"),
        (["recipe.teacher={kind='mean'}"], "recipe.teacher.options.strength is missing"),
        (["recipe.teacher={kind='mean', name='x'}"], 'recipe.teacher: kind = "mean" takes no name'),
        (["recipe.teacher={kind='maen'}"], "did you mean 'mean'?"),
        (["recipe.teacher={kind='acme.teachers:mak'}"], "acme.teachers has no 'mak'; did you mean 'make'?"),
    ],
)
def test_wrong_options_are_one_message(site: Site, overrides: list[str], said: str) -> None:
    site.install()
    assert said in site.refused(*overrides)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no licence')", "bad cannot be imported: RuntimeError: no licence ("),
        ("import acme_absent", "bad needs acme_absent, which is not installed"),
        (SPACE.replace('"acme"', '"gpunet"'), "calls itself 'gpunet', as one of tiernas does"),
        (
            SPACE.replace('"acme"', '"other"'),
            "calls itself 'other'; files record it so: its entry point must have the same",
        ),
        (
            SPACE + "    SPACE.canonical = lambda vectors: vectors * 0\n",
            "does not hold together: canonical vectors: UsageError: vector 0",
        ),
        (SPACE + "    SPACE.layer_groups = lambda vectors: iter(())\n", "does not hold together: layers: ValueError"),
    ],
)
def test_a_broken_package_is_one_message(site: Site, code: str, said: str) -> None:
    site.install({"": code}, {"tiernas.spaces": {"bad": "bad:SPACE"}}, name="bad")
    assert said in site.refused("study.space=bad")
    assert "no such search space" in site.refused("study.space=gone"), "it disturbs nothing else"


def test_two_packages_with_one_name(site: Site) -> None:
    site.install()
    site.install(MODULES, {"tiernas.engines": {"acme": "other.engines:Engine"}}, name="other")
    said = "several have this name: acme.engines:Engine (acme 1.0) and other.engines:Engine (other 1.0)"
    assert said in site.refused("engine.name=acme")
    assert said in site.run("latency", "measure", "gpunet_0", "--engine", "acme", exit_code=2)


def test_a_module_in_the_working_directory(site: Site) -> None:
    write_package(site.folder, "local", MODULES)
    said = site.run("latency", "show", "--space", "local.spaces:SPACE", exit_code=2)
    assert "latency/local.spaces.SPACE-openvino-fp32.jsonl: there is no such latency table" in said


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
    site.install()
    (site.folder / "mine.toml").write_text(SEARCH)
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

    site.install(MODULES | {"spaces": SPACE.replace("(16, 32)", "(16, 48)")})
    said = site.run("search", "mine.toml", "--set", "data.image_size=32", exit_code=2)
    assert "study.space.digest was" in said or "another space that was called 'acme' too" in said
