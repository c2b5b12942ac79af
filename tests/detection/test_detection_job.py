"""A detector from its file to its entry: trained, continued, evaluated, measured, exported and drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.parents import PARENT_NETWORK
from typer.testing import CliRunner

from tiernas.cli.commands import app
from tiernas.detection import (
    DetectionJob,
    DetectionReport,
    SplitFiles,
    detect_in,
    drawn,
    export_detector,
    load_detection_config,
    open_image,
)
from tiernas.detection.deploying import Form, require_same_detections, write_detector
from tiernas.errors import NothingFoundError, TiernasError, UsageError
from tiernas.storage import read_tensors
from tiernas.table import Entry, ModelTable, Query
from tiernas.testing.entries import entry as make_entry

SETTINGS = {"recipe.epochs": 3, "recipe.batch_size": 8, "recipe.ema_decay": 0.9, "recipe.crop": "true"}


class StoppedByTestError(Exception):
    pass


def write_config(folder: Path, coco: dict[str, SplitFiles], **more: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "backbone.json").write_text(PARENT_NETWORK.to_json())
    train, validation = coco["train"], coco["validation"]
    recipe = {key.removeprefix("recipe."): value for key, value in {**SETTINGS, **more}.items()}
    path = folder / "boxes.toml"
    path.write_text(
        f"""
[study]
name = "boxes"
output = "boxes"
[detector]
kind = "ssdlite"
backbone = "backbone.json"
strides = [4, 8]
channels = 16
image_size = [48, 64]
anchor_scale = 3.0
[data]
train = "{train.annotations}"
train_images = "{train.images}"
validation = "{validation.annotations}"
validation_images = "{validation.images}"
[recipe]
"""
        + "\n".join(f"{key} = {value}" for key, value in recipe.items())
    )
    return path


def job(path: Path) -> DetectionJob:
    return DetectionJob(load_detection_config(path))


@pytest.fixture(scope="module")
def trained(coco: dict[str, SplitFiles], tmp_path_factory: pytest.TempPathFactory) -> tuple[DetectionJob, list[Any]]:
    reports: list[DetectionReport] = []
    made = job(write_config(tmp_path_factory.mktemp("whole"), coco))
    made.train(reports.append)
    return made, reports


def stop_after(epoch: int) -> Callable[[DetectionReport], None]:
    def on_epoch(report: DetectionReport) -> None:
        if report.epoch == epoch:
            raise StoppedByTestError

    return on_epoch


def weights(made: DetectionJob) -> dict[str, torch.Tensor]:
    stored = read_tensors(made.config.study.output / "training" / "weights.safetensors")
    assert stored is not None
    return stored[0]


def test_continued_weights_are_bitwise_those_of_an_uninterrupted_training(
    trained: tuple[DetectionJob, list[Any]], coco: dict[str, SplitFiles], tmp_path: Path
) -> None:
    whole, reports = trained
    path = write_config(tmp_path, coco)
    for epoch in (1, 2):
        with pytest.raises(StoppedByTestError):
            job(path).train(stop_after(epoch))
    assert (tmp_path / "boxes" / "training" / "checkpoint.safetensors").exists()
    result = job(path).train()
    assert [report.epoch for report in reports] == [1, 2, 3]
    assert list(result.epoch_losses) == [report.train_loss for report in reports]
    ours, theirs = weights(job(path)), weights(whole)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert job(path).train(stop_after(1)) == result  # complete: at once, without an epoch
    assert not (tmp_path / "boxes" / "training" / "checkpoint.safetensors").exists()


def test_losses_fall_and_memory_stays(trained: tuple[DetectionJob, list[Any]]) -> None:
    _, reports = trained
    assert reports[-1].train_loss < reports[0].train_loss
    assert reports[-1].peak_memory_mb < 1.1 * reports[0].peak_memory_mb + 20


def test_evaluation_is_kept(trained: tuple[DetectionJob, list[Any]]) -> None:
    made, _ = trained
    found = made.evaluate()
    kept = json.loads((made.config.study.output / "evaluation.json").read_text())
    assert kept["validation"] == found["validation"].to_dict()
    assert found["validation"].ap is not None


@pytest.mark.parametrize("form", list(Form))
def test_every_form_runs_as_in_torch(form: Form, trained: tuple[DetectionJob, list[Any]], tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    detector = trained[0].detector
    path = tmp_path / "form.onnx"
    write_detector(detector, form, path)
    (output,) = onnxruntime.InferenceSession(path).run(None, {"images": np.zeros((1, 3, 48, 64), np.float32)})
    assert output.shape[-1] == {Form.WHOLE: 6, Form.RAW: 6, Form.BACKBONE: sum(detector.features.channels)}[form]
    assert output.shape[0] == (100 if form is Form.WHOLE else 1)


def test_exported_boxes_are_those_of_torch(trained: tuple[DetectionJob, list[Any]], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    facts = export_detector(trained[0], tmp_path / "deploy")
    assert facts == json.loads((tmp_path / "deploy" / "detector.json").read_text())
    assert facts["checked"].keys() == {"detector.onnx", "detector.xml"}
    assert all(checked["largest_difference_px"] < 0.05 for checked in facts["checked"].values())
    assert facts["classes"] == ["red", "blue"]


def test_other_boxes_are_refused() -> None:
    expected = np.array([[0, 0, 10, 10, 0.9, 1], [5, 5, 20, 20, 0.5, 0], [0, 0, 5, 5, 0.1, 0]], np.float32)
    assert require_same_detections(expected[[1, 0, 2]], expected, "it") == (0.0, 0.0)
    for column, by in ((0, 0.2), (4, 0.01), (5, -1)):
        other = expected.copy()
        other[0, column] += by
        with pytest.raises(TiernasError, match=r"it: the box \[0\.0, 0\.0, 10\.0, 10\.0\] of torch"):
            require_same_detections(other, expected, "it")


@pytest.mark.slow
def test_a_measured_detector_is_an_entry_apart_from_classifiers(trained: tuple[DetectionJob, list[Any]]) -> None:
    pytest.importorskip("openvino")
    made, _ = trained
    measured = made.measure(0.3)
    assert list(measured) == list(Form)
    backbone, raw = measured[Form.BACKBONE].measurement, measured[Form.RAW].measurement
    assert backbone.latency_ms < raw.latency_ms
    entry = made.enter(measured)
    exact = made.evaluate()["validation"].ap
    assert exact is not None
    assert entry.accuracy == pytest.approx(exact, abs=0.02)
    table = ModelTable(made.config.table.path)
    assert table.onnx_path(entry).exists()
    assert table.query(Query(task="detection")) == entry
    with pytest.raises(NothingFoundError, match="detection"):
        table.query(Query())


def test_entries_of_classifiers_are_written_as_before() -> None:
    entry = make_entry()
    assert '"task"' not in entry.to_json()
    assert Entry.from_json(entry.to_json()) == entry
    other = replace(entry, task="detection")
    assert Entry.from_json(other.to_json()) == other
    assert Query(task="detection").comparable([entry, other]) == [other]
    assert Query().comparable([entry, other]) == [entry]


def test_boxes_are_drawn(trained: tuple[DetectionJob, list[Any]], tmp_path: Path) -> None:
    made, _ = trained
    Image.new("RGB", (128, 96)).save(tmp_path / "a.png")
    image = open_image(tmp_path / "a.png")
    found = detect_in(made.detector, image, made.recipe.normalization)
    assert found.shape[1] == 6
    assert found[:, 2].max() <= 128
    picture = drawn(image, np.array([[10, 10, 60, 60, 0.9, 1], [70, 70, 90, 90, 0.1, 0]], np.float32), ("a", "b"), 0.5)
    pixels = np.asarray(picture)
    assert pixels[60, 30].any()  # the lower edge of the first
    assert not pixels[65:].any()  # the second is too uncertain
    with pytest.raises(UsageError, match="is not an image"):
        open_image(tmp_path / "boxes.toml")


def test_commands(trained: tuple[DetectionJob, list[Any]], tmp_path: Path) -> None:
    path = trained[0].config.study.output.parent / "boxes.toml"
    for words in (["train", str(path)], ["evaluate", str(path)]):
        found = CliRunner().invoke(app, ["detect", *words, "--json"])
        assert found.exit_code == 0, found.output
        assert "ap50" in json.loads(found.stdout)["validation"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("detector.strides=[8, 4]", "detector.strides = .*: must be increasing, of 4, 8, 16 and 32"),
        ("detector.kind=yolo", "detector.kind = 'yolo': "),
        ("detector.chanels=8", r"unknown key detector.chanels; did you mean 'channels'"),
        ("data.test=a.json", "data: test and test_images belong together"),
        ("recipe.batch_size=2", "recipe.batch_size = 2: "),
    ],
)
def test_mistakes_in_the_file_are_one_message(
    setting: str, message: str, coco: dict[str, SplitFiles], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        load_detection_config(write_config(tmp_path, coco), [setting])


def test_mistakes_of_a_job_are_one_message(coco: dict[str, SplitFiles], tmp_path: Path) -> None:
    path = write_config(tmp_path, coco, **{"recipe.batch_size": 64})
    with pytest.raises(UsageError, match="batch_size = 64: there are only 24 training images"):
        job(path).train()
    with pytest.raises(UsageError, match=r"no trained detector: .* does not exist; train it with: tiernas"):
        _ = job(path).detector


def test_the_example_is_that_of_the_docs_and_loads() -> None:
    root = Path(__file__).resolve().parents[2]
    example = root / "examples" / "detection" / "cells.toml"
    loaded = load_detection_config(example)
    assert loaded.detector.image_size == (192, 256)
    assert loaded.data.train == example.parent / "annotations" / "instances_train.json"
    text = (root / "docs" / "detection.md").read_text()
    assert example.read_text().split("\n", 1)[1] in text
