"""Ratios worked out by hand, and studies of a tiny network that are really measured."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tiernas.cli.commands import app
from tiernas.engines import Measurement, TurnRule, get_engine
from tiernas.errors import UsageError
from tiernas.latency.factors import Base, Factor, FactorStudy, FactorSweep, measure_factors, plot_factors, study_file
from tiernas.latency.factors import measure as measure_module
from tiernas.networks import Cost
from tiernas.testing.engines import ARCHITECTURE, NUM_CLASSES
from tiernas.testing.latency import FINGERPRINT, in_turn

BASE = Base("tiny", ARCHITECTURE, NUM_CLASSES)
SE = Factor.SQUEEZE_EXCITE


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measures only a few turns."""
    monkeypatch.setattr(measure_module, "RULE", TurnRule(relative_width=10.0, min_s=0.0, limit_s=0.05))


def sweep(factor: Factor, ratios: dict[str | float, float], base_ms: float) -> FactorSweep:
    """A sweep in which the variants have 100 parameters and 2e6 multiply-accumulates each."""
    return FactorSweep(
        FINGERPRINT,
        factor,
        tuple(ratios),
        (Cost(100, 2_000_000),) * len(ratios),
        tuple(in_turn(ratio, base_ms) for ratio in ratios.values()),
    )


STUDY = FactorStudy(
    BASE,
    Cost(100, 1_000_000),
    (
        sweep(Factor.KERNEL, {3: 1.1, 5: 1.5, 7: 2.0}, base_ms=1.0),
        sweep(SE, {"none": 0.8, "all": 1.01}, base_ms=1.2),
    ),
)
"""Of a base that took 1.0 ms while the kernels were measured and 1.2 ms later."""


def test_ratios_are_those_to_the_base_at_that_time() -> None:
    assert [found.ratio for found in STUDY.costs()] == [1.1, 1.5, 2.0, 0.8, 1.01]
    five = STUDY.costs()[1]
    assert (five.ratio_low, five.ratio_high) == pytest.approx((1.5 / 1.01, 1.5 * 1.01))


def test_latencies_are_by_one_latency_of_the_base() -> None:
    assert STUDY.base_ms() == {"openvino fp32": 1.0}
    assert [found.latency_ms for found in STUDY.costs()] == [1.1, 1.5, 2.0, 0.8, 1.01]


def test_ms_per_mac() -> None:
    five = STUDY.costs()[1]
    assert five.macs_ratio == 2.0
    assert five.ms_per_gmac == pytest.approx(1.5 / 0.002)


def test_variants_that_are_the_base() -> None:
    """The tiny network has squeeze-excitation in all its residual blocks; its kernels are 3 and 5."""
    assert [found.is_base for found in STUDY.costs()] == [False, False, False, False, True]


def test_wide_intervals_are_marked() -> None:
    wide = in_turn(1.5, 1.0, half_width=0.1)
    first, *others = STUDY.sweeps
    first = replace(first, measurements=(first.measurements[0], wide, first.measurements[2]))
    study = replace(STUDY, sweeps=(first, *others))
    assert [found.unstable for found in study.costs()] == [False, True, False, False, False]


def test_json_of_a_study() -> None:
    document = json.loads(json.dumps(STUDY.to_dict(), allow_nan=False))
    assert document["base"] == "tiny"
    assert [engine["base_ms"] for engine in document["engines"]] == [1.0]
    assert [found["value"] for found in document["costs"]] == [3, 5, 7, "none", "all"]


def test_sweeps_survive_json() -> None:
    for found in STUDY.sweeps:
        assert FactorSweep.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_figure_has_a_panel_per_factor(tmp_path: Path) -> None:
    other = tuple(replace(b, fingerprint=replace(b.fingerprint, precision="int8")) for b in STUDY.sweeps)
    plot_factors(replace(STUDY, sweeps=STUDY.sweeps + other), tmp_path / "new" / "factors.png")
    pixels = np.asarray(Image.open(tmp_path / "new" / "factors.png").convert("RGB")).reshape(-1, 3)
    for colour in ("0072b2", "d55e00"):
        assert (pixels == np.array(list(bytes.fromhex(colour)))).all(axis=1).sum() > 50


def test_figure_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"factors\.txt.*\.png"):
        plot_factors(STUDY, tmp_path / "factors.txt")


def stop_after(number: int) -> Any:
    def progress(done: int, wanted: int, what: str, found: Measurement) -> None:
        assert wanted == 6
        if done == number:
            raise KeyboardInterrupt

    return progress


@pytest.mark.slow
def test_study_is_measured_stopped_and_continued(tmp_path: Path) -> None:
    path, engine = tmp_path / "new" / "factors.json", get_engine("openvino")
    factors = (SE, Factor.LAYERS)
    with pytest.raises(KeyboardInterrupt):
        measure_factors(BASE, [engine], factors=factors, path=path, progress=stop_after(4))
    (kept,) = json.loads(path.read_text())["blocks"]
    assert (kept["factor"], kept["values"]) == ("squeeze-excite", ["none", "all"])

    said: list[tuple[int, int, str]] = []
    study = measure_factors(
        BASE,
        [engine],
        factors=factors,
        path=path,
        progress=lambda done, wanted, what, _: said.append((done, wanted, what)),
    )
    assert [number for number, _, _ in said] == list(range(1, len(said) + 1))
    assert {wanted for _, wanted, _ in said} == {len(said)}
    assert said[0][2] == "openvino fp32, layers 0.5 x"
    assert study.sweeps[0] == FactorSweep.from_dict(kept)
    assert [b.factor for b in study.sweeps] == [SE, Factor.LAYERS]

    def fail(*_: object) -> None:
        raise AssertionError("measured again")

    assert measure_factors(BASE, [engine], factors=factors, path=path, progress=fail) == study
    assert [p.name for p in path.parent.iterdir()] == ["factors.json"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A study of the tiny network, as if it had been measured on this machine."""
    mine = replace(STUDY.sweeps[1], fingerprint=get_engine("openvino").fingerprint())
    study_file.write(tmp_path / "factors.json", BASE, [mine])
    return tmp_path / "factors.json"


def test_study_of_before_a_field_of_the_fingerprint_is_continued(path: Path) -> None:
    document, engine = json.loads(path.read_text()), get_engine("openvino")
    fingerprint = document["blocks"][0]["fingerprint"]
    del fingerprint["recipe"], fingerprint["options"]
    fingerprint["microcode"] = "0x2b"  # of a later version
    path.write_text(json.dumps(document))

    def fail(*_: object) -> None:
        raise AssertionError("measured again")

    study = measure_factors(BASE, [engine], factors=[SE], path=path, progress=fail)
    study_file.write(path, BASE, study.sweeps)
    assert json.loads(path.read_text()) == document


def test_files_that_do_not_fit_are_refused_and_kept(path: Path) -> None:
    original = path.read_text()
    engine = get_engine("openvino")
    changes = {
        "another base": ("another base, tiny", replace(BASE, num_classes=5), original),
        "another version": (
            "engine_version was 1.0, is",
            BASE,
            original.replace(engine.fingerprint().engine_version, "1.0"),
        ),
        "newer": ("format 9", BASE, original.replace('"tiernas_factors": 2', '"tiernas_factors": 9')),
        "older": ("earlier version", BASE, original.replace('"tiernas_factors": 2', '"tiernas_factors": 1')),
        "alone": ("interleaved with the base", BASE, original.replace('"in_turn": {', '"in_turn": null, "was": {')),
        "another kind": ("not a factor study", BASE, "[]"),
        "torn": ("not a JSON document", BASE, original[:-40]),
        "damaged": ("damaged", BASE, original.replace('"measurements"', '"found"')),
    }
    for words, base, text in changes.values():
        path.write_text(text)
        with pytest.raises(UsageError, match=rf"factors\.json: .*{words}.*delete the file"):
            measure_factors(base, [engine], factors=[SE], path=path)
        assert path.read_text() == text


def test_full_disk_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = path.read_text()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match=r"factors\.json: cannot be written \(No space left on device\)"):
        study_file.write(path, BASE, STUDY.sweeps)
    assert path.read_text() == original
    assert [p.name for p in path.parent.iterdir()] == ["factors.json"]


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.json").write_text(ARCHITECTURE.to_json())
    words = ["latency", "factors", "--base", "mine.json", "--classes", "4", "--factor", "squeeze-excite"]
    words += ["--engine", "openvino:fp32", "--engine", "onnxruntime", "--output", "out", "--plot", "more.svg"]
    document = json.loads(CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).stdout)
    assert [engine["engine"] for engine in document["engines"]] == ["openvino fp32", "onnxruntime fp32"]
    assert [found["label"] for found in document["costs"]] == ["none", "all"] * 2
    assert sorted(p.name for p in Path("out").iterdir()) == ["factors.json", "factors.png"]
    assert Path("more.svg").read_text().startswith("<?xml")
    shown = CliRunner().invoke(app, words, catch_exceptions=False).stdout
    assert "all = base" in shown
    assert "onnxruntime fp32: base" in shown
