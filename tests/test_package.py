"""What an index of packages gets: metadata, a README that renders there, and distributions that work by themselves."""

from __future__ import annotations

import json
import re
import runpy
import tarfile
import tomllib
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from packaging.metadata import Metadata
from readme_renderer import markdown
from tests.built import Environment, build_sdist, build_wheel
from trove_classifiers import classifiers

from tiernas.doctor.tiny_network import write_tiny_network

ROOT = Path(__file__).parents[1]
PROJECT: Any = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
STANDALONE = runpy.run_path(str(ROOT / "setup.py"))["standalone"]
README = (ROOT / "README.md").read_text("utf-8")


def test_classifiers_exist() -> None:
    assert set(PROJECT["classifiers"]) <= classifiers
    least = PROJECT["requires-python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {least}" in PROJECT["classifiers"]


def test_the_readme_renders_where_nothing_is_beside_it() -> None:
    warnings = StringIO()
    html = markdown.render(STANDALONE(README), stream=warnings)
    assert html, warnings.getvalue()
    links = re.findall(r'(?:href|src)="([^"]*)"', html)
    assert any(link.startswith("https://arxiv.org") for link in links)
    assert not [link for link in links if not link.startswith(("https://", "#"))]
    assert html.count("<pre") == len(re.findall(r"^```", README, re.M)) / 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see [first steps](docs/first-steps.md#install)", "see first steps"),
        ("[arXiv](https://arxiv.org/abs/1)", "[arXiv](https://arxiv.org/abs/1)"),
        ("[below](#here)", "[below](#here)"),
        ("One.\n\n![A plot](docs/demo.png)\n\nTwo.", "One.\n\nTwo."),
        ("![A plot](https://example.org/demo.png)", "![A plot](https://example.org/demo.png)"),
    ],
)
def test_links_to_other_files_become_text(text: str, shown: str) -> None:
    assert STANDALONE(text) == shown


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sdist(ROOT, tmp_path_factory.mktemp("sdist") / "source")


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    return build_wheel(sdist)


@pytest.mark.slow
def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Metadata.from_email(archive.read(name))
        packed = set(archive.namelist())
    assert (metadata.name, metadata.license_expression) == ("tiernas", "Apache-2.0")
    assert "The tiernas developers" in (metadata.author or "")
    assert metadata.description_content_type == "text/markdown"
    assert (metadata.description or "").strip() == STANDALONE(README).strip()
    assert set(metadata.provides_extra or ()) == set(PROJECT["optional-dependencies"])
    assert {"tiernas/examples/digits.toml", "tiernas/py.typed", "tiernas/table/page/page.js"} <= packed
    assert {name.partition("/")[0] for name in packed} == {"tiernas", name.partition("/")[0]}


@pytest.mark.slow
def test_the_source_distribution_has_the_documentation(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").iterdir()} <= packed
    assert {"LICENSE", "README.md", "CHANGELOG.md", "examples/slurm/search.sbatch"} <= packed
    assert not [name for name in packed if name.startswith(("tests", "benchmarks"))]


@pytest.mark.slow
def test_the_wheel_works_outside_of_a_checkout(wheel: Path, tmp_path: Path) -> None:
    """Searching, tables and exports with wheels alone are tried by `test_example_plugin`."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    environment = Environment(tmp_path, folder, wheel)
    assert environment.run("tiernas --version").strip() == PROJECT["version"]
    environment.run("tiernas example digits --output digits.toml")
    assert environment.json("tiernas example photos")["images"] == 1797
    assert environment.json("tiernas doctor")["engines"]
    write_tiny_network(folder / "tiny.onnx")
    found = environment.json("tiernas latency measure tiny.onnx --engine onnxruntime --seconds 0.1")
    assert found["measurement"]["latency_ms"] > 0
    stated = {"networks": [{"network": "tiny.onnx", "accuracy": 0.9, "data": "parts", "source": "own test"}]}
    (folder / "mine.json").write_text(json.dumps(stated))
    (entry,) = environment.json("tiernas table add mine.json --engine onnxruntime --seconds 0.1")["added"]
    environment.run(f"tiernas table export {entry['name']} --output deploy")
    environment.run("tiernas table page --output table.html")
