"""What a device has: ONNX Runtime, no torch. Commands that need torch say so, the others run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tiernas.doctor.tiny_network import write_tiny_network
from tiernas.installing import install_command
from tiernas.latency.estimating import table_file
from tiernas.networks import Network, build
from tiernas.table import ModelTable
from tiernas.testing.entries import SPACE, VECTOR, entry
from tiernas.testing.latency import HEADER, records

_PROGRAM = """
import sys
from importlib.machinery import PathFinder

HIDDEN = {"nncf", "onnx2torch", "openvino", "tensorboard", "tensorrt_rtx", "timm", "torch", "torchvision"}

class Path(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Path if finder is PathFinder else finder for finder in sys.meta_path]
from tiernas.cli import main
main()
"""


def run(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def run_json(folder: Path, *words: str | Path) -> Any:
    done = run(folder, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_an_onnx_file_is_measured(tmp_path: Path) -> None:
    write_tiny_network(tmp_path / "tiny.onnx")
    words = ("latency", "measure", "tiny.onnx", "--engine", "onnxruntime", "--seconds", "0.1", "--profile")
    found = run_json(tmp_path, *words)
    assert found["measurement"]["latency_ms"] > 0
    assert found["fingerprint"]["engine"] == "onnxruntime"
    assert found["profile"]
    compared = run_json(tmp_path, *words, "--precision", "int8", "--compare")
    assert compared["comparison"]["precision"] == "fp32"


def test_the_doctor_tries_what_is_there(tmp_path: Path) -> None:
    found = run_json(tmp_path, "doctor")
    trials = {(trial["engine"], trial["precision"]): trial for trial in found["engines"]}
    assert trials["onnxruntime", "fp32"]["status"] == trials["onnxruntime", "int8"]["status"] == "works"
    for engine in ("openvino", "torch", "torch-compile", "tensorrt-rtx"):
        assert trials[engine, None]["status"] == "not installed"
    assert install_command("torch") in trials["torch", None]["detail"]


def test_a_table_that_was_built_elsewhere_is_used(tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    table_file.create(table, HEADER)
    for record in records(10):
        table_file.append(table, record)
    shown = run_json(tmp_path, "latency", "show", "--table", table)
    assert shown["networks"] == 10
    tiers = run_json(tmp_path, "tiers", "--edges", "0.0001,1000", "--table", table, "--networks", "256")
    assert tiers["tiers"][0]["networks"] == 256


def test_the_model_table_is_listed_and_queried(tmp_path: Path) -> None:
    network = build(SPACE.decode(VECTOR), 3)
    assert isinstance(network, Network)
    ModelTable(tmp_path / "model-table").add(entry("digits-1", 0.2, 0.99), network.eval())
    assert [row["name"] for row in run_json(tmp_path, "table", "list")] == ["digits-1"]
    assert run_json(tmp_path, "table", "query", "--max-latency-ms", "1")["name"] == "digits-1"


def test_an_onnx_file_is_added_and_exported(tmp_path: Path) -> None:
    write_tiny_network(tmp_path / "tiny.onnx")
    stated = {"networks": [{"network": "tiny.onnx", "accuracy": 0.9, "data": "parts", "source": "own test"}]}
    (tmp_path / "mine.json").write_text(json.dumps(stated))
    (entry,) = run_json(tmp_path, "table", "add", "mine.json", "--engine", "onnxruntime", "--seconds", "0.1")["added"]
    written = run_json(tmp_path, "table", "export", entry["name"], "--output", "deploy")
    assert f"deploy/{entry['name']}/classify.py" in written["files"]


@pytest.mark.parametrize(
    "words",
    [
        "latency measure gpunet_p0 --engine onnxruntime",
        "latency build --engine onnxruntime --networks 8",
    ],
)
def test_a_command_that_needs_torch_says_how_to_install_it(tmp_path: Path, words: str) -> None:
    done = run(tmp_path, *words.split())
    assert done.returncode == 2
    assert "torch, which this command needs, is not installed" in done.stderr
    assert install_command("train") in done.stderr
