"""Networks that tiernas trained, from the folders in which they lie."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import tiernas
from tiernas.errors import UsageError
from tiernas.networks import build
from tiernas.networks.normalization import Normalization
from tiernas.spaces import Head, Stage, StagedArchitecture, Stem
from tiernas.table import ModelTable, export
from tiernas.testing.deployed import add_deployed
from tiernas.testing.executors import LIGHT
from tiernas.training import DataConfig, RecipeConfig, Splits, load_data, load_trained, train
from tiernas.training.checkpoint import CURRENT, PREVIOUS, WEIGHTS

TINY = Path(__file__).parents[1] / "compatibility" / "entries" / "tiny"
RECIPE = RecipeConfig(epochs=3, ema_decay=0.9)
NETWORK = StagedArchitecture(16, Stem(8), (Stage("irb", 16, 3, 2, 1, "relu", 2),), Head(16))


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load_data(DataConfig(train_limit=80))


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """A copy of an entry that may be spoilt."""
    return Path(shutil.copytree(TINY, tmp_path / "table" / "tiny"))


def refused(source: Path, weights: Path | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        tiernas.load(source, weights)
    return str(caught.value)


def test_an_entry(entry: Path) -> None:
    table = ModelTable(entry.parent)
    network, known = tiernas.load(str(entry)), table.get("tiny")
    expected = table.network(known)
    images = torch.rand(2, 3, known.resolution, known.resolution, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(network(images), expected(images))
    assert (network.architecture, network.classes) == (expected.architecture, known.classes)
    assert (network.input_mean, network.input_std) == (known.input_mean, known.input_std)
    assert network.normalization == Normalization(known.input_mean, known.input_std)


def test_an_entry_with_other_classes_keeps_all_but_the_classifier(entry: Path) -> None:
    own, five = tiernas.load(entry).state_dict(), tiernas.load(entry, num_classes=5)
    differing = [name for name, tensor in five.state_dict().items() if not torch.equal(tensor, own[name])]
    assert [name.rpartition(".")[2] for name in differing] == ["weight", "bias"]
    assert five.classes is None
    fresh = tiernas.load(entry, "fresh").state_dict()
    assert not torch.equal(fresh["blocks.0.0.weight"], own["blocks.0.0.weight"])


def test_an_export(splits: Splits, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    torch.manual_seed(0)
    trained = build(LIGHT, 10).eval()
    table = ModelTable(tmp_path / "table")
    add_deployed(table, "light", trained, splits, "onnxruntime", "fp32")
    export(table, table.get("light"), tmp_path / "export", check=False)
    network = tiernas.load(tmp_path / "export")
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), trained.parameters(), strict=True))
    assert network.classes == splits.classes
    assert network.input_mean == pytest.approx(table.get("light").input_mean)
    assert "name its entry or export" in refused(table.artefact_path(table.get("light")))
    (tmp_path / "export" / "light.safetensors").unlink()
    assert "light.safetensors: is missing, damaged" in refused(tmp_path / "export")


def test_a_training_that_is_complete(splits: Splits, tmp_path: Path) -> None:
    train(NETWORK, splits, RECIPE, seed=0, checkpoint_dir=tmp_path)
    expected = load_trained(tmp_path).state_dict()
    for source in (tmp_path, tmp_path / WEIGHTS):
        network = tiernas.load(source)
        assert all(torch.equal(tensor, expected[name]) for name, tensor in network.state_dict().items())
        assert network.classes == splits.classes


def test_a_training_under_way_gives_its_running_mean(splits: Splits, tmp_path: Path) -> None:
    train(NETWORK, splits, RECIPE, seed=0, checkpoint_dir=tmp_path, stop_epoch=2)
    network = tiernas.load(tmp_path)
    state = load_file(tmp_path / CURRENT)
    assert all(torch.equal(t, state[f"average.module.{name}"]) for name, t in network.state_dict().items())
    (tmp_path / CURRENT).write_bytes(b"damaged")
    before, state = tiernas.load(tmp_path), load_file(tmp_path / PREVIOUS)
    assert all(torch.equal(t, state[f"average.module.{name}"]) for name, t in before.state_dict().items())
    (tmp_path / PREVIOUS).unlink()
    assert f"{CURRENT}: is missing, damaged" in refused(tmp_path)


def test_a_training_without_a_running_mean_gives_its_weights(splits: Splits, tmp_path: Path) -> None:
    train(NETWORK, splits, RecipeConfig(epochs=2, ema_decay=0), seed=0, checkpoint_dir=tmp_path, stop_epoch=1)
    state = load_file(tmp_path / CURRENT)
    network = tiernas.load(tmp_path / CURRENT)
    assert all(torch.equal(t, state[f"network.{name}"]) for name, t in network.state_dict().items())


def test_weights_of_a_folder_are_its_own(entry: Path, tmp_path: Path) -> None:
    assert "has weights of its own; omit weights" in refused(entry, tmp_path / "other.pth")


def test_a_folder_that_is_none_says_what_is_in_it(entry: Path, tmp_path: Path) -> None:
    assert "an export or a training run; it contains such folders, name one of them: tiny" in refused(entry.parent)
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty").endswith("is not the folder of an entry, an export or a training run")
    assert "weights.safetensors: is not a file of a training run; name" in refused(entry / "weights.safetensors")


def test_a_spoilt_entry_is_told(entry: Path) -> None:
    facts = json.loads((entry / "entry.json").read_text())
    spoilt = {"classes": "name its classes", "input_mean": "say how its input is normalized"}
    for key, message in spoilt.items():
        (entry / "entry.json").write_text(json.dumps({**facts, key: 3}))
        assert message in refused(entry)
    (entry / "entry.json").write_text("[")
    assert "entry.json: cannot be read" in refused(entry)
    (entry / "entry.json").write_text(json.dumps({**facts, "classes": ["one"]}))
    assert "contains weights of a network other than" in refused(entry)
    (entry / "entry.json").write_text(json.dumps(facts))
    (entry / "architecture.json").unlink()
    assert "architecture.json: there is no such file" in refused(entry)
