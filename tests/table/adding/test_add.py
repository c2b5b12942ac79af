"""Networks whose accuracy a source states are measured by the real engine and added."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tiernas.doctor.tiny_network import NUM_CLASSES, write_tiny_network
from tiernas.engines import Engine, get_engine
from tiernas.errors import NotInstalledError, UsageError
from tiernas.standalone.classify import FACTS, Classifier
from tiernas.table import ModelTable, Query, export
from tiernas.table.adding import Collection, StatedNetwork, add_stated, require_there
from tiernas.table.adding.add import Added

STATED: dict[str, Any] = {"accuracy": 0.97, "data": "parts", "source": "own test", "test_images": 200}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    write_tiny_network(path)
    return path


@pytest.fixture
def table(tmp_path: Path) -> ModelTable:
    return ModelTable(tmp_path / "table")


def add(
    table: ModelTable, network: str | Path, *, engine: Engine | None = None, again: bool = False, **keys: Any
) -> Added:
    stated = StatedNetwork(network=str(network), **{**STATED, **keys})
    runtime = engine or get_engine("onnxruntime")
    return add_stated(table, Collection("mine", [stated]), runtime, limit_s=0.05, again=again)


def test_an_onnx_file_is_added_with_what_its_source_says_and_what_was_measured(table: ModelTable, tiny: Path) -> None:
    (entry,) = add(table, tiny, source_url="https://example.com", weights_license="mit").entries
    assert table.get(entry.name) == entry
    assert entry.name.startswith("tiny-32-onnxruntime-fp32-")
    assert (entry.accuracy, entry.source, entry.test_images) == (0.97, "own test", 200)
    assert (entry.study, entry.network, entry.weights_license) == ("mine", "tiny.onnx", "mit")
    assert entry.is_published
    assert entry.is_kept
    assert entry.latency_ms > 0
    assert entry.latency_in_turn is not None
    assert entry.provenance is not None
    assert entry.classes == tuple(map(str, range(NUM_CLASSES)))
    weights = onnx.load(tiny).graph.initializer
    assert entry.params == sum(int(np.prod(tensor.dims)) for tensor in weights)
    assert table.query(Query(data="parts")).name == entry.name


def test_it_is_exported_without_torch_and_runs(table: ModelTable, tiny: Path, tmp_path: Path) -> None:
    names = ["bolt", "nut", "washer", "pin"]
    (entry,) = add(table, tiny, classes=names, input_mean=(0.5,) * 3, input_std=(0.25,) * 3).entries
    (card, *files) = export(table, entry, tmp_path / "out", dynamic_batch=True, triton=True)
    assert (tmp_path / "out" / "tiny.onnx").exists() is False
    assert {f"{entry.name}.onnx", f"{entry.name}.plain-fp32.onnx", "classify.py"} <= {file.name for file in files}
    assert not [file for file in files if file.suffix == ".safetensors"]
    facts = json.loads((tmp_path / "out" / FACTS).read_text())
    assert facts["classes"] == names
    assert facts["preprocessing"]["mean"] == [0.5] * 3
    text = card.read_text()
    assert "97.00% top-1 on parts; 95 % interval" in text
    assert "published, not measured here: own test" in text
    assert Classifier(tmp_path / "out").logits(np.zeros((2, 32, 32, 3), np.uint8)).shape == (2, NUM_CLASSES)


def test_what_is_there_already_is_not_measured_again(table: ModelTable, tiny: Path) -> None:
    (entry,) = add(table, tiny).entries
    same = add(table, tiny)
    assert (same.entries, [e.name for e in same.present]) == ([], [entry.name])
    (newer,) = add(table, tiny, again=True).entries
    assert newer.name == entry.name
    (corrected,) = add(table, tiny, accuracy=0.96).entries
    assert [e.accuracy for e in table.entries()] == [0.96]
    assert corrected.name == entry.name


def test_other_weights_are_another_network(table: ModelTable, tiny: Path, tmp_path: Path) -> None:
    add(table, tiny)
    model = onnx.load(tiny)
    model.graph.initializer[0].raw_data = bytes(len(model.graph.initializer[0].raw_data))
    onnx.save(model, tiny)
    assert len(add(table, tiny).entries) == 1
    assert len(table.entries()) == 2


def test_an_accuracy_for_another_precision_is_not_recommended(table: ModelTable, tiny: Path, tmp_path: Path) -> None:
    (entry,) = add(table, tiny, engine=get_engine("onnxruntime", precision="int8")).entries
    assert not entry.recommended
    assert entry.advice == "the accuracy is for fp32; that of int8 was not evaluated"
    with pytest.raises(UsageError, match="in int8 it was measured for its latency alone"):
        export(table, entry, tmp_path / "out")


def test_a_released_network_is_measured_with_random_weights_and_not_kept(table: ModelTable, tmp_path: Path) -> None:
    (entry,) = add(table, "gpunet_p0", resolution=64, name="GPUNet-P0").entries
    assert (entry.network, entry.resolution, entry.classes) == ("gpunet_p0", 64, ())
    assert entry.name.startswith("GPUNet-P0-64-onnxruntime-fp32-")
    assert entry.macs is not None
    assert entry.weights_mb == pytest.approx(4e-6 * entry.params)
    assert entry.activations_mb is not None
    assert [file.name for file in (table.path / entry.name).iterdir()] == ["entry.json"]
    with pytest.raises(UsageError, match="the table does not have the weights of gpunet_p0"):
        export(table, entry, tmp_path / "out")
    with pytest.raises(UsageError, match="was added as gpunet_p0"):
        table.network(entry)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"classes": 5}, "has 4 outputs, but 5 classes are stated"),
        ({"resolution": 64}, "resolution = 64, but its images"),
    ],
)
def test_a_network_that_is_not_what_is_stated_is_told_and_others_are_added(
    keys: Mapping[str, Any], message: str, table: ModelTable, tiny: Path
) -> None:
    both: list[dict[str, Any]] = [{"name": "bad", **keys}, {"name": "good"}]
    networks = [StatedNetwork(network=str(tiny), **STATED, **own) for own in both]
    found = add_stated(table, Collection("mine", networks), get_engine("onnxruntime"), limit_s=0.05)
    assert [entry.name.partition("-")[0] for entry in found.entries] == ["good"]
    assert message in found.failed["bad"]


def test_networks_that_do_not_exist_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    pytest.importorskip("timm", reason="timm is missing: pip install 'tiernas[rivals]'")
    for network, message in (
        (str(tmp_path / "none.onnx"), "there is no such file"),
        ("timm:resnet19", "has no network 'resnet19'"),
    ):
        with pytest.raises(UsageError, match=message):
            require_there(Collection("mine", [StatedNetwork(network=network, **STATED)]))


def test_a_missing_package_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(NotInstalledError, match="timm is not installed"):
        require_there(Collection("mine", [StatedNetwork(network="timm:resnet18", **STATED)]))


def test_an_entry_without_its_file_is_damaged(table: ModelTable, tiny: Path) -> None:
    (entry,) = add(table, tiny).entries
    table.onnx_path(entry).unlink()
    entries, (damaged,) = table.read()
    assert entries == []
    assert damaged.reason == "network.onnx missing"


def test_published_and_measured_entries_of_the_same_images_are_compared(table: ModelTable, tiny: Path) -> None:
    (entry,) = add(table, tiny, data_digest="0" * 16).entries
    measured = dataclasses.replace(entry, name="searched", data_digest="0" * 16, accuracy=0.5, network="other.onnx")
    table.add_named(measured, tiny)
    assert table.query(Query(data="parts")).name == entry.name
