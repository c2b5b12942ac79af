"""A real runner measures a real network: what it answers, and how it ends."""

from __future__ import annotations

import hashlib
import json
import re
import select
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runner.conftest import ONCE, SHORT, RunnerProcess

import tiernas
from tiernas.engines import Fingerprint, Measurement, device_lock, get_engine
from tiernas.engines.fingerprint import cpu_device, device_slug
from tiernas.runner.boot import boot_id
from tiernas.runner.system_files import system_files

OPEN: dict[str, Any] = {"engine": "onnxruntime", "precision": "fp32", "batch": 1, "threads": 1}


def test_it_says_what_it_is(runner: RunnerProcess, tmp_path: Path) -> None:
    found = runner.ask("hello")
    assert (found["protocol"], found["tiernas"], found["numpy"]) == (1, tiernas.__version__, np.__version__)
    assert found["device"] == cpu_device()
    assert found["cores"] >= 1
    assert abs(found["time_s"] - time.time()) < 60
    assert found["free_disk_mb"] > 0
    assert Path(found["folder"]) == tmp_path / "cache" / "tiernas" / "runner"
    assert runner.ask("state").keys() >= {"slowdowns", "load"}
    assert found["boot"] == boot_id()
    engines = runner.ask("engines")
    assert engines["onnxruntime"]["precisions"] == ["fp32", "int8"]
    assert engines["onnxruntime"]["version"] == get_engine("onnxruntime").fingerprint().engine_version
    assert runner.ask("engines", names=["tpu"])["tpu"]["error"]["kind"] == "usage"
    settings: dict[str, Any] = {"engine": "onnxruntime", "precision": "fp32", "batch": 2, "threads": 1}
    fingerprint = Fingerprint.from_dict(runner.ask("fingerprint", **settings)["fingerprint"])
    assert fingerprint == get_engine("onnxruntime", batch=2).fingerprint()
    assert (
        "threads = 10000: must be from 1" in runner.refused("fingerprint", **settings | {"threads": 10_000})["message"]
    )


def test_it_says_what_its_latencies_depend_on(runner: RunnerProcess) -> None:
    found = runner.ask("system")
    assert found["busy_cores"] >= 0
    assert found["files"].keys() == system_files().keys()


def test_logits_are_those_of_the_same_network_here(runner: RunnerProcess, tiny: Path) -> None:
    network = runner.open(runner.keep(tiny))
    images = np.random.default_rng(0).standard_normal((1, 3, 32, 32), dtype=np.float32)
    content = images.astype("<f4").tobytes()
    digest = hashlib.sha256(content).hexdigest()
    runner.ask("keep", content, sha256=digest, bytes=len(content))
    with get_engine("onnxruntime").compile(tiny) as here:
        found = np.array(runner.ask("run", network=network, images=digest)["logits"], np.float32)
        np.testing.assert_array_equal(found, here.run(images))
    runner.ask("keep", b"1234", sha256=hashlib.sha256(b"1234").hexdigest(), bytes=4)
    refused = runner.refused("run", network=network, images=hashlib.sha256(b"1234").hexdigest())
    assert "4 bytes; (1, 3, 32, 32) float32 numbers take another size" in refused["message"]


def test_a_network_takes_turns_with_another_one_for_a_given_time(runner: RunnerProcess, tiny: Path) -> None:
    digest = runner.keep(tiny)
    network, other = runner.open(digest), runner.open(digest)
    assert runner.ask("about", network=network)["about_ms"] > 0
    anchor = runner.ask("anchor", network=other, name="0" * 16)
    assert anchor["about_ms"] > 0
    trace = runner.ask("trace", network=network, anchor=anchor["anchor"], duration_s=0.2)
    assert trace["pairs"].keys() == {"at_s", "network_ms", "before_ms", "after_ms"}
    assert len({len(values) for values in trace["pairs"].values()}) == 1
    assert trace["level"]["low_ms"] <= trace["level"]["undisturbed_ms"] <= trace["level"]["high_ms"]


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_network_is_measured_interleaved_with_another_one(runner: RunnerProcess, tiny: Path, engine: str) -> None:
    digest = runner.keep(tiny)
    opened = runner.ask("open", **{**OPEN, "engine": engine}, files={"network.onnx": digest})
    assert opened["input_shape"] == [1, 3, 32, 32]
    fingerprint, here = Fingerprint.from_dict(opened["fingerprint"]), get_engine(engine).fingerprint()
    assert not fingerprint.differences(here)
    anchor = runner.ask("anchor", network=runner.open(digest, engine), name="0" * 16)["anchor"]
    found = runner.ask("measure_in_turn", network=opened["network"], anchor=anchor, rule=SHORT, repetition=ONCE)
    measured = Measurement.from_dict(found["measurement"])
    assert measured.in_turn is not None
    assert measured.in_turn.anchor == "0" * 16
    assert 0.2 < measured.in_turn.ratio < 5  # the same network, beside other tests
    assert measured.low_ms <= measured.latency_ms <= measured.high_ms
    assert found["before"].keys() == found["after"].keys()
    assert (found["tries"], type(found["disturbed"])) == (1, list)
    nodes = runner.ask("profile", network=opened["network"])["nodes"]
    assert any("Conv" in node["name"] for node in nodes)
    assert all(node["time_ms"] >= 0 for node in nodes)


def test_a_network_is_measured_alone_and_closed(runner: RunnerProcess, tiny: Path) -> None:
    network = runner.open(runner.keep(tiny))
    rule = {"warmup_s": 0, "min_s": 0.01, "limit_s": 0.1}
    found = runner.ask("measure", network=network, rule=rule, repetition=ONCE)
    assert Measurement.from_dict(found["measurement"]).in_turn is None
    assert runner.ask("close", handle=network) == {}
    assert runner.refused("measure", network=network)["message"] == f"there is no open network {network}"


def test_a_network_that_is_closed_takes_its_anchors_with_it(runner: RunnerProcess, tiny: Path) -> None:
    digest = runner.keep(tiny)
    network, other = runner.open(digest), runner.open(digest)
    first, second = (runner.ask("anchor", network=other, name="0" * 16)["anchor"] for _ in range(2))
    assert runner.ask("close", handle=first) == {}
    assert runner.ask("measure_in_turn", network=network, anchor=second, rule=SHORT, repetition=ONCE)
    assert runner.ask("close", handle=other) == {}
    refused = runner.refused("measure_in_turn", network=network, anchor=second, rule=SHORT, repetition=ONCE)
    assert refused == {"kind": "usage", "message": f"there is no anchor {second}"}


def test_a_file_is_sent_once(pyz: Path, tmp_path: Path, tiny: Path) -> None:
    cache = tmp_path / "cache"
    with RunnerProcess(pyz, cache) as first:
        digest = hashlib.sha256(tiny.read_bytes()).hexdigest()
        assert first.ask("missing", sha256=[digest]) == {"missing": [digest]}
        first.keep(tiny)
        assert first.ask("missing", sha256=[digest]) == {"missing": []}
        assert first.end() == 0
    with RunnerProcess(pyz, cache) as second:
        second.open(digest)
        (cache / "tiernas" / "runner" / "files" / digest).write_bytes(b"damaged")
        assert second.ask("missing", sha256=[digest]) == {"missing": [digest]}
        assert second.ask("forget") == {}
    assert not (cache / "tiernas" / "runner").exists()


def test_what_a_killed_runner_left_is_removed_by_the_next_one(pyz: Path, tmp_path: Path, tiny: Path) -> None:
    cache = tmp_path / "cache"
    with RunnerProcess(pyz, cache) as killed:
        killed.open(killed.keep(tiny))
    folder = cache / "tiernas" / "runner"
    (left,) = folder.glob("open-*")
    with RunnerProcess(pyz, cache) as after:
        after.open(after.keep(tiny))
        (new,) = folder.glob("open-*")
        assert new != left


def test_a_damaged_file_is_refused_and_the_next_request_understood(runner: RunnerProcess, tiny: Path) -> None:
    content = tiny.read_bytes()
    error = runner.refused("keep", content[::-1], sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    assert error["kind"] == "usage"
    assert "arrived damaged" in error["message"]
    assert "64 hexadecimal digits" in runner.refused("keep", b"x", sha256="../x", bytes=1)["message"]
    assert runner.ask("hello")["protocol"] == 1


def test_a_disk_without_room_is_one_message(pyz: Path, tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "cache" / "tiernas").mkdir(parents=True)
    (tmp_path / "cache" / "tiernas" / "runner").write_text("a file where a folder should be")
    with RunnerProcess(pyz, tmp_path / "cache") as runner:
        content = tiny.read_bytes()
        error = runner.refused("keep", content, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        assert error["kind"] == "usage"
        assert "cannot keep a file" in error["message"]
        assert runner.ask("hello")["protocol"] == 1


@pytest.mark.parametrize(
    ("do", "fields", "message"),
    [
        ("dance", {}, "do = 'dance': must be one of hello, engines"),
        ("open", {**OPEN, "engine": "tpu", "files": {"network.onnx": "0" * 64}}, "engine 'tpu'"),
        ("open", {**OPEN, "precision": "int3", "files": {"network.onnx": "0" * 64}}, "precision 'int3'"),
        ("open", {**OPEN, "batch": 0, "files": {"network.onnx": "0" * 64}}, "batch = 0"),
        ("open", {**OPEN, "batch": "1", "files": {}}, "open: batch = '1': must be a whole number"),
        ("open", {**OPEN, "files": {}}, "there must be at least one"),
        ("open", {**OPEN, "files": {"../network.onnx": "0" * 64}}, "must be `network` with a suffix"),
        ("open", {**OPEN, "files": {"network.onnx": "0" * 64}}, "is not kept on this device; send it first"),
        ("measure", {"network": 7}, "there is no open network 7"),
        ("measure", {"network": 7, "rule": {"limit": 1}}, "measure: rule = .*an object with some of warmup_s"),
        ("measure", {"network": 7, "rule": {"limit_s": -1}}, r"limit_s is -1"),
        ("measure", {"network": 7, "rule": {"limit_s": None}}, r"limit_s is None"),
        ("measure", {"network": 7, "repetition": {"tries": 1.5}}, r"tries is 1.5"),
        ("missing", {"sha256": "0"}, "missing: sha256 = '0': must be a list of strings"),
        ("anchor", {"network": 7, "name": "x", "known_ms": 0}, "known_ms = 0: must be a number above 0"),
        ("hello", {"silence_s": 0}, "silence_s = 0: must be a number above 0"),
        ("trace", {"network": 7, "anchor": 8, "duration_s": 1}, "there is no anchor 8"),
        ("run", {"network": 7, "images": "0" * 64}, "there is no open network 7"),
    ],
)
def test_a_bad_request_is_one_message(runner: RunnerProcess, do: str, fields: dict[str, Any], message: str) -> None:
    error = runner.refused(do, **fields)
    assert error["kind"] == "usage"
    assert re.search(message, error["message"])


NESTED = b"[" * 200_000 + b"]" * 200_000 + b"\n"
"""JSON that is too deep to be read."""


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"[1]\n",
        b'{"id": 1}\n',
        b'{"do": 1}\n',
        b'{"id": [1], "do": "hello"}\n',
        b"\xff\n",
        pytest.param(NESTED, id="nested"),
    ],
)
def test_a_line_that_is_no_request_is_one_message(runner: RunnerProcess, line: bytes) -> None:
    runner.send_bytes(line)
    answer = runner.answer()
    assert answer["id"] is None
    assert answer["error"]["message"].startswith("a request must ")
    assert runner.ask("hello")["protocol"] == 1


def test_a_file_that_is_no_network_is_one_message(runner: RunnerProcess, tmp_path: Path) -> None:
    (tmp_path / "network.onnx").write_text("no network")
    digest = runner.keep(tmp_path / "network.onnx")
    assert "ONNX Runtime cannot run it" in runner.refused("open", **OPEN, files={"network.onnx": digest})["message"]


def test_a_missing_runtime_is_the_command_that_installs_it_there(pyz: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    installed = Path(np.__file__).parents[1]
    for name in ("numpy", "numpy.libs"):
        if (installed / name).exists():
            (site / name).symlink_to(installed / name)
    with RunnerProcess(pyz, tmp_path / "cache", ("-S",), PYTHONPATH=str(site)) as runner:
        for engine, found in runner.ask("engines").items():
            assert found["error"]["kind"] == "not-installed"
            assert re.search(rf"pip install (numpy )?{engine}$", found["error"]["message"])
        error = runner.refused("open", **OPEN, files={"network.onnx": "0" * 64})
    assert error["kind"] == "not-installed"
    assert re.search("pip install (numpy )?onnxruntime$", error["message"])


def test_it_ends_with_its_input_even_during_a_measurement(runner: RunnerProcess, tiny: Path) -> None:
    network = runner.open(runner.keep(tiny))
    long = {"relative_width": 0, "min_s": 120, "limit_s": 120}
    runner.send("measure", network=network, rule=long)
    time.sleep(1)
    assert runner.process.poll() is None
    assert runner.end() == 0
    with device_lock(device_slug(cpu_device())):
        pass


def test_it_ends_when_nobody_is_heard_any_more(runner: RunnerProcess) -> None:
    assert runner.ask("hello", silence_s=2.0)["protocol"] == 1
    for _ in range(6):
        time.sleep(0.4)
        runner.send_bytes(b"\n")
        assert runner.line() == b"\n"
    assert runner.ask("hello")["protocol"] == 1
    assert runner.process.wait(timeout=60) == 0


def test_it_gives_signs_of_life_while_it_measures(runner: RunnerProcess, tiny: Path) -> None:
    network = runner.open(runner.keep(tiny))
    runner.send("measure", network=network, rule={"relative_width": 0, "min_s": 60, "limit_s": 60})
    runner.send_bytes(b"\n")
    assert runner.line() == b"\n"


def test_it_waits_while_another_process_measures(runner: RunnerProcess, tiny: Path) -> None:
    network = runner.open(runner.keep(tiny))
    stdout = runner.process.stdout
    assert stdout is not None
    with device_lock(device_slug(cpu_device())):
        runner.send("measure", network=network, rule={"warmup_s": 0, "min_s": 0, "limit_s": 0.05}, repetition=ONCE)
        assert not select.select([stdout], [], [], 1.5)[0]
    assert json.loads(stdout.readline())["ok"]["tries"] == 1
