"""Kits run by another Python, as on a device without a connection."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tiernas.devices.kit import KitEngine, new_kit, read_kit_results
from tiernas.engines import TurnRule, get_engine, graph_digest
from tiernas.engines.fingerprint import cpu_flags
from tiernas.engines.onnxruntime.quantizer import saturates
from tiernas.errors import UsageError

QUICK = TurnRule(relative_width=10.0, min_s=0.0, limit_s=0.1)
ENGINE = KitEngine("onnxruntime")


def write_kit(path: Path, tiny: Path, engine: KitEngine = ENGINE, *, networks: int = 3, rule: TurnRule = QUICK) -> str:
    """A kit that measures a network several times; returns the digest of its plan."""
    with new_kit(path, engine) as kit:
        network = kit.network(tiny)
        rows = [(network, None if number else 0, {"name": f"network {number}"}) for number in range(networks)]
        return kit.plan({"results": "a test"}, [(network, 1e6), (network, 1e7)], rows, rule)


def start(kit: Path, *words: str, options: tuple[str, ...] = ("-I",)) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *options, kit.name, *words],
        cwd=kit.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )


def run(kit: Path, *words: str, options: tuple[str, ...] = ("-I",), exit_code: int = 0) -> str:
    process = start(kit, *words, options=options)
    out, err = process.communicate(timeout=200)
    assert process.returncode == exit_code, f"{out}\n{err}"
    assert "Traceback" not in err
    return err if exit_code else out


def test_all_networks_are_measured_once_and_what_is_there_is_not_repeated(tmp_path: Path, tiny: Path) -> None:
    digest = write_kit(tmp_path / "kit.pyz", tiny)
    said = run(tmp_path / "kit.pyz").splitlines()
    assert [line.partition(" ")[0] for line in said[:3]] == ["1/3", "2/3", "3/3"]
    assert said[-1].startswith("Done. Copy results.jsonl")
    found = read_kit_results(tmp_path / "results.jsonl")
    assert (found.plan, found.about) == (digest, {"results": "a test"})
    assert not found.fingerprint.differences(get_engine("onnxruntime").fingerprint())
    assert [result.about["name"] for result in found.results[:3]] == ["network 0", "network 1", "network 2"]
    for result in found.results:
        assert result.graph == graph_digest(tiny)
        assert result.measurement.in_turn is not None
        assert result.measurement.in_turn.anchor == graph_digest(tiny)
        assert result.measurement.device_state.keys() >= {"before", "after"}
        assert any("Conv" in node.name for node in result.nodes)
    before = (tmp_path / "results.jsonl").read_bytes()
    assert not run(tmp_path / "kit.pyz").startswith("1/3")
    assert (tmp_path / "results.jsonl").read_bytes().startswith(before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kit.pyz", "results.jsonl"]


@pytest.mark.slow
def test_an_engine_without_a_profile_is_measured_by_a_kit(tmp_path: Path, tiny: Path) -> None:
    write_kit(tmp_path / "kit.pyz", tiny, KitEngine("ncnn"), networks=1)
    run(tmp_path / "kit.pyz")
    found = read_kit_results(tmp_path / "results.jsonl")
    assert found.fingerprint == get_engine("ncnn").fingerprint()
    assert [result.nodes for result in found.results[:1]] == [()]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_it_continues_after_a_stop(tmp_path: Path, tiny: Path, number: signal.Signals) -> None:
    write_kit(tmp_path / "kit.pyz", tiny, networks=4, rule=TurnRule(relative_width=10.0, min_s=0.5, limit_s=0.5))
    process = start(tmp_path / "kit.pyz", "mine.jsonl")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    if number is signal.SIGINT:
        assert "stopped; mine.jsonl keeps what was measured, and the same command continues" in err
    results = tmp_path / "mine.jsonl"
    kept = results.read_bytes()
    results.write_bytes(kept + b'{"torn": ')
    place = 1 + kept.count(b'"network ')
    assert run(tmp_path / "kit.pyz", "mine.jsonl").startswith(f"{place}/4")
    assert results.read_bytes().startswith(kept)
    assert {result.about["name"] for result in read_kit_results(results).results} == {
        f"network {number}" for number in range(4)
    }
    assert not list(tmp_path.glob(".kit-*"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """A folder with a kit that was run, and its results."""
    folder = tmp_path_factory.mktemp("finished")
    write_kit(folder / "kit.pyz", tiny)
    run(folder / "kit.pyz")
    return folder


@pytest.fixture
def measured(finished: Path, tmp_path: Path) -> Path:
    """Results that a test may change, next to the kit that wrote them."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path / "results.jsonl"


def change(path: Path, edit: Callable[[list[Any]], object]) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    edit(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda lines: lines[2]["measurement"].update(latency_ms=0.001), "line 3 is not what the kit wrote"),
        (lambda lines: lines.pop(1), "line 2 is not what the kit wrote"),
        (lambda lines: lines.insert(3, lines[2]), "line 4 is not what the kit wrote"),
        (lambda lines: lines[0].update(plan="x"), "line 1 is not what the kit wrote"),
        (lambda lines: lines[0].update(tiernas_results=2), "has format 2; this version reads up to 1"),
        (lambda lines: lines[0].pop("tiernas_results"), "is not the results of a kit"),
        (lambda lines: lines.clear(), "is empty"),
    ],
)
def test_results_that_were_changed_are_refused(measured: Path, edit: Callable[[list[Any]], object], words: str) -> None:
    change(measured, lambda lines: None)
    assert read_kit_results(measured)
    change(measured, edit)
    with pytest.raises(UsageError, match=words):
        read_kit_results(measured)
    assert words in run(measured.with_name("kit.pyz"), exit_code=1)


@pytest.mark.parametrize("content", [b"no JSON\n", b"[1]\n", b"\xff\n", b'{"a": 1}\n'])
def test_what_is_no_file_of_results_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UsageError, match="is not the results of a kit"):
        read_kit_results(tmp_path / "file")
    with pytest.raises(UsageError, match="cannot be read"):
        read_kit_results(tmp_path / "nothing")


def test_results_of_another_kit_are_not_continued(measured: Path, tiny: Path) -> None:
    write_kit(measured.with_name("other.pyz"), tiny, networks=4)
    assert "has results of another kit; move it away" in run(measured.with_name("other.pyz"), exit_code=1)


def test_results_of_another_device_are_not_continued(measured: Path) -> None:
    """Every line is written anew, as a kit there would have done."""

    def elsewhere(lines: list[Any]) -> None:
        chain = ""
        for line in lines:
            line.pop("hash")
            if "fingerprint" in line:
                line["fingerprint"]["device"] = "another CPU"
            text = json.dumps(line, sort_keys=True, separators=(",", ":"))
            chain = line["hash"] = hashlib.sha256((chain + text).encode()).hexdigest()[:16]

    change(measured, elsewhere)
    assert read_kit_results(measured).fingerprint.device == "another CPU"
    assert "has results of another device" in run(measured.with_name("kit.pyz"), exit_code=1)


@pytest.mark.slow
def test_int8_networks_are_for_a_kind_of_cpu(tmp_path: Path, tiny: Path) -> None:
    right = saturates(cpu_flags())
    write_kit(tmp_path / "right.pyz", tiny, KitEngine("onnxruntime", "int8", reduce_range=right))
    run(tmp_path / "right.pyz", "right.jsonl")
    found = read_kit_results(tmp_path / "right.jsonl").fingerprint
    assert found == get_engine("onnxruntime", precision="int8").fingerprint()
    write_kit(tmp_path / "wrong.pyz", tiny, KitEngine("onnxruntime", "int8", reduce_range=not right))
    words = f"plan the kit {'with' if right else 'without'} --reduce-range"
    assert words in run(tmp_path / "wrong.pyz", "wrong.jsonl", exit_code=1)
    assert not (tmp_path / "wrong.jsonl").exists()


def test_a_device_that_lacks_the_runtime_is_told_the_command(tmp_path: Path, tiny: Path) -> None:
    write_kit(tmp_path / "kit.pyz", tiny)
    assert "NumPy is missing" in run(tmp_path / "kit.pyz", options=("-I", "-S"), exit_code=1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("tensorrt",), "engine 'tensorrt': a device is measured with one of onnxruntime, openvino"),
        (("openvino", "int8", 1, 1, True), "--reduce-range: only for onnxruntime in int8"),
        (("onnxruntime", "fp32", 0), "batch = 0: must be at least 1"),
        (("onnxruntime", "fp32", 1, -1), "threads = -1: must be at least 1"),
    ],
)
def test_what_no_kit_can_do_is_refused(settings: tuple[Any, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        KitEngine(*settings)


def test_a_kit_holds_each_file_once(tmp_path: Path, tiny: Path) -> None:
    write_kit(tmp_path / "few.pyz", tiny, networks=1)
    write_kit(tmp_path / "many.pyz", tiny, networks=50)
    assert (tmp_path / "many.pyz").stat().st_size < (tmp_path / "few.pyz").stat().st_size + 20_000
    assert os.access(tmp_path / "few.pyz", os.X_OK)


def test_a_kit_that_cannot_be_finished_is_not_written(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "kit.pyz").write_text("an older one")
    with pytest.raises(UsageError, match="no such file"), new_kit(tmp_path / "kit.pyz", ENGINE) as kit:
        kit.network(tiny.with_name("nothing.onnx"))
    assert (tmp_path / "kit.pyz").read_text() == "an older one"
    assert [path.name for path in tmp_path.iterdir()] == ["kit.pyz"]
