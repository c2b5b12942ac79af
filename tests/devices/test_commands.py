"""Commands over ssh, from the first one to the entries of a search."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import CommandLine, write_tiny

from tiernas.devices import open_device
from tiernas.engines import Engine, TurnRule, get_engine
from tiernas.latency import LatencyTable
from tiernas.latency.measuring.untrained import compiled_untrained
from tiernas.ledger import Ledger, Purpose
from tiernas.spaces import get_space
from tiernas.testing.sshd import NoSshdError, SshServer, run_sshd

pytestmark = pytest.mark.slow

BUILD = ("latency", "build", "--engine", "onnxruntime", "--networks", "8", "--seconds", "0.5")
HERE = """
[device]
address = "ssh://kitchen"

[engine]
name = "onnxruntime"

[latency]"""


@pytest.fixture
def command_line(kitchen: SshServer, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def test_the_doctor_looks_there(command_line: CommandLine) -> None:
    found = command_line.json("doctor", "--device", "ssh://kitchen")
    assert found["works"]
    trials = {(trial["engine"], trial["precision"]): trial for trial in found["engines"]}
    assert trials["onnxruntime", "fp32"]["status"] == "works"
    assert trials["openvino", None]["status"] == "not installed"
    assert "ssh://kitchen: openvino" in trials["openvino", None]["detail"]
    assert "pip install" in trials["openvino", None]["detail"]


def test_an_onnx_file_is_measured_there(command_line: CommandLine, tiny: Path, kitchen: SshServer) -> None:
    words = ("latency", "measure", tiny, "--engine", "onnxruntime", "--seconds", "0.2", "--profile")
    found = command_line.json(*words, "--device", "ssh://kitchen")
    assert found["measurement"]["latency_ms"] > 0
    assert found["measurement"]["device_state"].keys() >= {"before", "after"}
    assert found["profile"]
    compared = command_line.json(*words, "--device", "ssh://kitchen", "--precision", "int8", "--compare")
    assert compared["comparison"]["precision"] == "fp32"
    assert not kitchen.runners()


def test_a_network_that_is_measured_there_is_added_and_exported_here(
    command_line: CommandLine, tiny: Path, kitchen: SshServer
) -> None:
    stated = {"networks": [{"network": str(tiny), "accuracy": 0.9, "data": "parts", "source": "own test"}]}
    (command_line.folder / "mine.json").write_text(json.dumps(stated))
    words = ("table", "add", "mine.json", "--engine", "onnxruntime", "--seconds", "0.2", "--device", "ssh://kitchen")
    (entry,) = command_line.json(*words)["added"]
    assert entry["provenance"]["device_state"].keys() >= {"before", "after"}
    exported = command_line.json("table", "export", entry["name"], "--output", "deploy")
    assert f"deploy/{entry['name']}/classify.py" in exported["files"]
    assert not kitchen.runners()


def test_what_was_copied_is_forgotten(command_line: CommandLine, kitchen: SshServer) -> None:
    with open_device(kitchen.address):
        assert kitchen.cache.exists()
    assert command_line.json("device", "forget", "ssh://kitchen") == {"device": "ssh://kitchen"}
    assert not kitchen.cache.exists()


def test_a_bad_address_is_one_message(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path)
    latency = (("latency", "build"), ("latency", "check"), ("latency", "measure", "x.onnx"))
    for words in (("doctor",), *latency, ("table", "add", "--released")):
        message = command_line.run(*words, "--device", "kitchen", exit_code=2)
        assert "device address 'kitchen': must be ssh://[USER@]HOST[:PORT]" in message


@pytest.mark.timeout(600)
def test_a_table_is_built_checked_and_continued_there(command_line: CommandLine, kitchen: SshServer) -> None:
    path = command_line.folder / "latency" / "kitchen" / "gpunet-small-onnxruntime-fp32.jsonl"
    server = command_line.start(*BUILD, "--device", "ssh://kitchen")
    while not path.exists() or len(path.read_text().splitlines()) < 4:
        assert server.poll() is None, server.communicate()
        time.sleep(0.1)
    for runner in kitchen.runners():
        runner.kill()
    while len(path.read_text().splitlines()) < 6:
        assert server.poll() is None, server.communicate()
        time.sleep(0.1)
    server.kill()
    server.communicate()
    kept = path.read_text().splitlines()
    built = command_line.json(*BUILD, "--device", "ssh://kitchen")
    assert Path(built["table"]) == path.relative_to(command_line.folder)
    assert path.read_text().splitlines()[: len(kept)] == kept
    assert built["networks"] == 8
    assert built["engine_version"] == get_engine("onnxruntime").fingerprint().engine_version
    vectors = [tuple(record.vector) for record in LatencyTable.load(path).records]
    assert len(set(vectors)) == len(vectors) == 8
    assert f"--device ssh://kitchen --precision fp32 --table {built['table']}" in built["verdict"]["command"]
    checked = command_line.json(
        "latency",
        "check",
        "--engine",
        "onnxruntime",
        "--networks",
        "3",
        "--seconds",
        "0.5",
        "--device",
        "ssh://kitchen",
    )
    assert checked["n"] == 3
    assert not kitchen.runners()


def test_factors_are_measured_there(command_line: CommandLine) -> None:
    words = ("latency", "factors", "--engine", "onnxruntime", "--factor", "activation", "--resolution", "64")
    found = command_line.json(*words, "--device", "ssh://kitchen")
    assert {cost["factor"] for cost in found["costs"]} == {"activation"}


@pytest.mark.timeout(900)
def test_a_search_measures_there_and_trains_here(command_line: CommandLine, kitchen: SshServer) -> None:
    folder = command_line.folder
    table = folder / "there.jsonl"
    command_line.run(*BUILD, "--device", "ssh://kitchen", "--table", table)
    write_tiny(folder, table, changes=[("\n[latency]", HERE)])
    found = command_line.json("search", "tiny.toml")
    assert 1 <= len(found["entries"]) <= 2
    for entry in found["entries"]:
        assert entry["engine"] == "onnxruntime"
        assert entry["latency_ms"] > 0
        assert entry["provenance"]["device_state"].keys() >= {"before", "after"}
        exported = command_line.json("table", "export", entry["name"], "--table", "models", "--output", entry["name"])
        assert any(name.endswith(".onnx") for name in exported["files"])
    with Ledger(folder / "run" / "ledger.sqlite") as ledger:
        finalists = [f for study in ledger.studies() for f in ledger.candidates(study, Purpose.FINAL)]
        assert all(finalist.measurement["fingerprint"]["engine"] == "onnxruntime" for finalist in finalists)  # type: ignore[index]
    assert not kitchen.runners()
    assert command_line.json("search", "tiny.toml")["entries"] == found["entries"]


def test_latencies_over_ssh_are_those_of_this_machine(kitchen: SshServer) -> None:
    """The same two networks, here and there in turn: the medians of their ratios differ by less than their spread."""
    space = get_space("gpunet-small")
    small, large = (space.decode(vector) for vector in space.sample(2, 5))
    rule = TurnRule(relative_width=0.02, min_s=1.0, limit_s=2.0)
    with open_device(kitchen.address) as device:
        here, there = (get_engine("onnxruntime", device=where) for where in (None, device))
        log_ratios: dict[Engine, list[float]] = {here: [], there: []}
        for _ in range(6):
            for engine, found in log_ratios.items():
                with (
                    compiled_untrained(small, 10, engine) as (network, _),
                    compiled_untrained(large, 10, engine) as (other, graph),
                ):
                    turns = other.anchor(graph).measure(network, rule).in_turn
                assert turns is not None
                found.append(math.log(turns.ratio))
    direct, remote = (np.array(log_ratios[engine]) for engine in (here, there))
    spread = math.hypot(direct.std(ddof=1), remote.std(ddof=1))
    assert abs(np.median(direct) - np.median(remote)) < max(3 * spread, 0.05)


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    """A device in a network namespace of its own, behind a cable `tnshost`."""
    ip = shutil.which("ip")
    if ip is None:
        pytest.skip("no network namespace can be made without ip(8); install it: apt-get install iproute2")
    space = f"tiernas-{os.getpid()}"
    steps = [
        ["netns", "add", space],
        ["link", "add", "tnshost", "type", "veth", "peer", "name", "tnsthere", "netns", space],
        ["address", "add", "10.213.7.1/30", "dev", "tnshost"],
        ["link", "set", "tnshost", "up"],
        ["-n", space, "address", "add", "10.213.7.2/30", "dev", "tnsthere"],
        ["-n", space, "link", "set", "tnsthere", "up"],
        ["-n", space, "link", "set", "lo", "up"],
    ]
    try:
        for step in steps:
            if subprocess.run([ip, *step], capture_output=True, check=False).returncode:
                pytest.skip("no network namespace can be made here: that takes root")
        with run_sshd(host="10.213.7.2", prefix=[ip, "netns", "exec", space]) as server:
            monkeypatch.setenv("PATH", f"{server.bin}:{os.environ['PATH']}")
            yield server
    except NoSshdError as error:
        pytest.skip(str(error))
    finally:
        for step in (["link", "delete", "tnshost"], ["netns", "delete", space]):
            subprocess.run([ip, *step], capture_output=True, check=False)


def test_a_cable_that_is_cut_for_half_a_minute_loses_nothing(far: SshServer, tiny: Path) -> None:
    def cut() -> None:
        subprocess.run(["ip", "link", "set", "tnshost", "down"], check=True)
        time.sleep(30)
        subprocess.run(["ip", "link", "set", "tnshost", "up"], check=True)

    with open_device(far.address) as device:
        engine = get_engine("onnxruntime", device=device)
        with engine.compile(tiny) as network, engine.compile(tiny) as other:
            anchor = other.anchor("0" * 16)
            timer = threading.Timer(0.5, cut)
            timer.start()
            for _ in range(3):
                found = anchor.measure(network, TurnRule(relative_width=0.0, min_s=2.0, limit_s=2.0))
                assert found.in_turn is not None
            timer.join()
            assert len(far.runners()) == 1
            assert json.dumps(found.device_state)
    assert not far.runners()
