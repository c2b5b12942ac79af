"""`tiernas latency measure`, for real, on tiny networks."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from tiernas.cli import main
from tiernas.cli.commands import app
from tiernas.engines import Fingerprint, InTurn, Measurement, get_engine, graph_digest
from tiernas.engines.clock.ratio import FEWEST
from tiernas.errors import UsageError
from tiernas.latency.measuring.advice import Advice
from tiernas.latency.measuring.comparison import NetworkComparison, PrecisionComparison
from tiernas.latency.measuring.measured_network import MeasuredNetwork
from tiernas.latency.measuring.subject import find_subject
from tiernas.networks import build, cost, export_onnx, export_untrained
from tiernas.spaces import get_space
from tiernas.testing.engines import ARCHITECTURE, NUM_CLASSES
from tiernas.testing.latency import FINGERPRINT, measurement

SPACE = get_space("gpunet-small")
VECTOR = ",".join(map(str, SPACE.sample(4, seed=0)[1]))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the tiny network as `tiny.json` and `tiny.onnx`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "tiny.json").write_text(ARCHITECTURE.to_json())
    export_onnx(build(ARCHITECTURE, NUM_CLASSES), tmp_path / "tiny.onnx")
    return tmp_path


def run(*words: str) -> Result:
    """What a command did; raises what it raises."""
    return CliRunner().invoke(app, ["latency", "measure", *words, "--seconds", "0.05"], catch_exceptions=False)


def run_json(*words: str) -> Any:
    return json.loads(run(*words, "--json").stdout)


def test_vector() -> None:
    found = run_json(VECTOR, "--space", "gpunet-small")
    measured, on = found["measurement"], found["fingerprint"]
    assert 0 < measured["low_ms"] <= measured["latency_ms"] <= measured["high_ms"]
    assert measured["found_ms"] <= measured["p90_ms"] <= measured["p95_ms"] <= measured["p99_ms"]
    assert measured["runs"] >= measured["in_turn"]["pairs"] >= FEWEST
    assert measured["loads"] > 1
    assert measured["latency_ms"] == pytest.approx(measured["in_turn"]["ratio"] * measured["in_turn"]["anchor_ms"])
    architecture = SPACE.decode([int(value) for value in VECTOR.split(",")])
    assert (found["params"], found["macs"]) == dataclasses.astuple(cost(architecture, SPACE.num_classes))
    assert found["input_shape"] == [1, 3, architecture.resolution, architecture.resolution]
    assert Fingerprint.from_dict({k: v for k, v in on.items() if k != "graph"}) == get_engine("openvino").fingerprint()
    assert (found["profile"], found["comparison"], found["calibration_images"]) == ([], None, None)
    assert found["against"] is None


@pytest.mark.slow
def test_two_networks_take_turns(folder: Path) -> None:
    """The same network at twice the resolution has four times the work, at least twice the time."""
    large = dataclasses.replace(ARCHITECTURE, resolution=8 * ARCHITECTURE.resolution)
    (folder / "large.json").write_text(large.to_json())
    found = run_json("tiny.json", "--against", "large.json", "--profile")
    against, measured = found["against"], found["measurement"]
    assert measured["in_turn"]["anchor"] == against["graph"] != against["measurement"]["in_turn"]["anchor"]
    assert against["ratio"] == measured["in_turn"]["ratio"] < 1
    assert measured["in_turn"]["anchor_ms"] == against["measurement"]["latency_ms"]
    assert measured["latency_ms"] == pytest.approx(against["ratio"] * against["measurement"]["latency_ms"])
    # the interval has what is not known of the other one in it
    assert measured["high_ms"] == pytest.approx(against["ratio_high"] * against["measurement"]["high_ms"])
    assert measured["low_ms"] == pytest.approx(against["ratio_low"] * against["measurement"]["low_ms"])
    assert sum(part["time_ms"] for part in found["profile"]) == pytest.approx(measured["latency_ms"])
    assert against["reason"].startswith("tiny.json takes 0.")
    shown = run("large.json", "--against", "tiny.json").stdout
    assert re.search(r"large.json takes [\d.]+ of tiny.json's time \([\d.]+ to [\d.]+\): ", shown)


def test_architecture_file_is_taken_apart_by_layer(folder: Path) -> None:
    found = run_json("tiny.json", "--classes", str(NUM_CLASSES), "--profile", "--top", "1")
    layers = found["profile"]
    assert [part["name"] for part in layers] == [str(i) for i in range(len(ARCHITECTURE.layers))]
    assert layers[0]["kind"] == "stem 3x3 stride 2 swish"
    assert layers[2]["kind"] == "fused_irb 3x3 stride 2 mid 16 SE 2 relu"
    assert layers[0]["shape"] == "3x16x16 -> 8x8x8"
    assert sum(part["share"] for part in layers) == pytest.approx(1)
    export_untrained(ARCHITECTURE, NUM_CLASSES, folder / "untrained.onnx")
    assert found["fingerprint"]["graph"] == graph_digest(folder / "untrained.onnx")


def test_onnx_file_is_taken_apart_by_node() -> None:
    found = run_json("tiny.onnx", "--profile", "--top", "3")
    times_ms = [part["time_ms"] for part in found["profile"]]
    assert len(times_ms) == 3
    assert times_ms == sorted(times_ms, reverse=True)
    assert (found["params"], found["macs"]) == (None, None)


def test_profile_of_an_engine_that_has_none_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="ncnn cannot time single layers or nodes: profile with another engine"):
        run("tiny.onnx", "--engine", "ncnn", "--profile")


def test_onnx_file_takes_turns_with_a_copy_of_itself() -> None:
    found = run_json("tiny.onnx")
    turns = found["measurement"]["in_turn"]
    assert turns["anchor"] == found["fingerprint"]["graph"]
    assert 0.2 < turns["ratio"] < 5  # the copies differ by their placement in memory, and by noise


def test_batch_and_resolution() -> None:
    assert run_json("tiny.json", "--batch", "2", "--resolution", "24")["input_shape"] == [2, 3, 24, 24]


def test_timm_network() -> None:
    pytest.importorskip("timm")
    found = run_json("timm:mobilenetv3_small_050", "--resolution", "32", "--classes", "10")
    assert (found["kind"], found["input_shape"]) == ("timm network", [1, 3, 32, 32])
    assert found["params"] == pytest.approx(1.59e6 - 990 * 1025, abs=5e3)  # timm says 1.59 M for 1000 classes


def test_released_network() -> None:
    subject = find_subject("gpunet_0")
    assert subject.cost is not None
    assert subject.cost.params == 11_885_432
    assert (subject.kind, subject.normalization) == ("released network", None)


@pytest.mark.slow
def test_int8_with_noise_is_compared() -> None:
    shown = run("tiny.json", "--precision", "int8", "--compare").stdout
    assert "noise: latency only" in shown
    found = run_json("tiny.json", "--precision", "int8", "--compare")
    compared = found["comparison"]
    precisions = get_engine("openvino").precisions()
    assert compared["precision"] == precisions[precisions.index("int8") - 1]
    assert found["calibration_images"] == 0
    assert isinstance(compared["recommended"], bool)
    assert compared["reason"].startswith("int8 ")
    assert compared["speedup_low"] <= compared["speedup"] <= compared["speedup_high"]
    turns = found["measurement"]["in_turn"]
    assert turns["anchor"] == found["fingerprint"]["graph"]
    assert compared["speedup"] == pytest.approx(1 / turns["ratio"])
    assert turns["anchor_ms"] == compared["measurement"]["latency_ms"]


@pytest.mark.slow
def test_int8_with_images(folder: Path) -> None:
    (folder / "photos").mkdir()
    for number in range(3):
        Image.new("RGB", (20 + number, 30), (number, 100, 200)).save(folder / "photos" / f"{number}.png")
    assert run_json("tiny.onnx", "--precision", "int8", "--calibration", "photos")["calibration_images"] == 3
    np.save(folder / "images.npy", np.zeros((2, 3, 17, 16), dtype=np.float32))
    with pytest.raises(UsageError, match="calibration: images of shape"):
        run("tiny.onnx", "--precision", "int8", "--calibration", "images.npy")


def test_text_tells_everything() -> None:
    shown = run("tiny.json", "--profile").stdout
    for words in (
        "ms undisturbed (95 % interval",
        "as found",
        "ratio to the anchor",
        "turns were quiet",
        "p90, p95, p99",
        "coefficient of variation",
        "loads",
        "runs",
        "parameters",
        "openvino",
        "graph",
    ):
        assert words in shown
    assert "stable" not in shown
    assert "fused_irb 3x3 stride 2" in shown
    assert "more nodes" in run("tiny.onnx", "--profile", "--top", "2").stdout


def in_turn(anchor_ms: float, low_ms: float, high_ms: float, *, half_width: float = 0.005) -> Measurement:
    """A network twice as slow as its anchor, which was seen to take from `low_ms` to `high_ms`."""
    turns = InTurn(
        anchor="a" * 16,
        ratio=2.0,
        ratio_low=2.0 * (1 - half_width),
        ratio_high=2.0 * (1 + half_width),
        ratio_found=2.0,
        pairs=100,
        quiet_pairs=90,
        anchor_ms=anchor_ms,
        anchor_low_ms=low_ms,
        anchor_high_ms=high_ms,
        anchor_found_ms=anchor_ms,
        anchor_quiet_ms=anchor_ms,
        measured_at="2026-11-30T06:00:00+00:00",
    )
    return dataclasses.replace(
        measurement(2.0 * anchor_ms, unstable=half_width > 0.015), found_ms=2.0 * anchor_ms, in_turn=turns
    )


QUIET = in_turn(1.0, 0.99, 1.01)
assert QUIET.in_turn is not None
RATIO: InTurn = QUIET.in_turn


def measured_network(found: Measurement = QUIET, **fields: Any) -> MeasuredNetwork:
    return MeasuredNetwork("x", "ONNX file", (1, 3, 16, 16), None, FINGERPRINT, "0" * 16, found, None, (), **fields)


def test_quiet_measurements_are_not_warned_of() -> None:
    assert measured_network().warnings == ()


@pytest.mark.parametrize(
    ("found", "warning"),
    [
        (
            dataclasses.replace(QUIET, other_load=0.94),
            "fp32: 0.9 cores were busy with other work during the measurement",
        ),
        (
            in_turn(1.0, 1.0, 1.2),
            "fp32: the machine was never quiet: the latency may be up to 20 % too high; the ratio",
        ),
        (
            in_turn(1.3, 1.0, 1.0),
            "fp32: the machine was never quiet: the latency may be up to 30 % too high; the ratio",
        ),
        (in_turn(1.0, 1.0, 1.0, half_width=0.02), "fp32: the interval of its ratio is 4 % wide; more --seconds narrow"),
    ],
)
def test_disturbed_measurements_are_warned_of_in_one_line(found: Measurement, warning: str) -> None:
    (said,) = measured_network(found).warnings
    assert said.startswith(warning)
    assert "unstable" not in said
    (said,) = measured_network(
        comparison=PrecisionComparison("fp16", found, Advice(False, 2.0, 1.9, 2.1, "why"))
    ).warnings
    assert said.startswith(warning.replace("fp32", "fp16"))
    shown = measured_network(against=NetworkComparison("y", "ONNX file", "1" * 16, found, RATIO))
    (said,) = shown.warnings
    assert said.startswith(warning.replace("fp32", "y"))
    assert json.loads(json.dumps(shown.to_dict(), allow_nan=False))["warnings"] == [said]


@pytest.mark.parametrize(
    ("ratio", "low", "high", "words", "faster"),
    [
        (0.871, 0.862, 0.880, "A takes 0.871 of B's time (0.862 to 0.88): A is faster", "A"),
        (1.2, 1.0002, 1.3, "A takes 1.200 of B's time (1.0002 to 1.3): B is faster", "B"),
        (0.99, 0.98, 1.01, "A takes 0.990 of B's time (0.98 to 1.01): no difference can be resolved", None),
        (1.0, 1.0, 1.0, "A takes 1.000 of B's time (1 to 1): no difference can be resolved", None),
    ],
)
def test_which_network_is_faster(ratio: float, low: float, high: float, words: str, faster: str | None) -> None:
    compared = dataclasses.replace(RATIO, ratio=ratio, ratio_low=low, ratio_high=high)
    against = NetworkComparison("B", "ONNX file", "0" * 16, QUIET, compared)
    found = against.to_dict("A")
    assert (found["reason"], found["faster"]) == (words, faster)
    assert (found["ratio_low"], found["ratio_high"]) == (low, high)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gpunet_9"], r"no network 'gpunet_9'.*gpunet_0.*\.json.*vector.*timm:NAME.*\.onnx"),
        (["none.json"], "none.json: there is no such file"),
        (["list.json"], "list.json: architecture: must be an object"),
        (["none.onnx"], "none.onnx: there is no such file"),
        (["text.onnx"], "text.onnx: is not an ONNX network"),
        (["dynamic.onnx"], "dynamic.onnx: input shape .*fixed"),
        (["tiny.onnx", "--batch", "2"], "exported for batch 1"),
        (["tiny.onnx", "--resolution", "32"], "resolution and classes of an ONNX file are fixed"),
        (["1,2,3"], "41 integers"),
        ([VECTOR, "--space", "gpunet-tiny"], "no such search space"),
        (["gpunet_0", "--resolution", "8"], "resolution of 8 is too small: layer 5"),
        (["gpunet_0", "--resolution", "0"], "resolution = 0: must be from 1"),
        (["gpunet_0", "--classes", "-1"], "classes = -1: must be from 1"),
        (["gpunet_0", "--engine", "tensorflow"], "no such engine"),
        (["gpunet_0", "--precision", "int3"], "precision 'int3'"),
        (["tiny.json", "--compare"], "fp32 is the most exact precision of openvino; choose a lower one: .*int8"),
        (["tiny.json", "--precision", "int8", "--compare", "--against", "gpunet_0"], "choose one"),
        (["tiny.json", "--against", "none.onnx"], "none.onnx: there is no such file"),
        (["tiny.json", "--calibration", "."], "only int8 does"),
        (["tiny.json", "--precision", "int8", "--calibration", "none"], "no such folder"),
        (["tiny.json", "--precision", "int8", "--calibration", "empty"], "contains no images"),
    ],
)
def test_bad_input_is_one_message(folder: Path, words: list[str], message: str) -> None:
    (folder / "empty").mkdir()
    (folder / "list.json").write_text("[1]")
    (folder / "text.onnx").write_text("no network")
    model = onnx.load(folder / "tiny.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    onnx.save(model, folder / "dynamic.onnx")
    with pytest.raises(UsageError, match=message) as raised:
        run(*words)
    assert "\n" not in str(raised.value)


def test_timm_name_without_prefix_is_suggested() -> None:
    pytest.importorskip("timm")
    with pytest.raises(UsageError, match="did you mean timm:resnet18"):
        run("resnet18")
    with pytest.raises(UsageError, match="no network 'resnet81'; similar names: resnet18"):
        run("timm:resnet81")


def test_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["tiernas", "latency", "measure", "nothing"])
    with pytest.raises(SystemExit) as exited:
        main()
    assert exited.value.code == 2
    assert capsys.readouterr().err.startswith("tiernas: no network 'nothing'")


def test_work_on_cores_that_are_spare_is_not_warned_of() -> None:
    busy = dataclasses.replace(QUIET, other_load=1.2)
    assert measured_network(busy, spare_cores=1).warnings == ()
    assert measured_network(dataclasses.replace(QUIET, other_load=1.3), spare_cores=1).warnings
