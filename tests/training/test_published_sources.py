"""Sets of Hugging Face's `datasets` and of torchvision, and WebDataset shards."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tiernas.errors import NotInstalledError, UsageError
from tiernas.training import DataConfig, Splits, load_data


def picture(label: int, i: int) -> Image.Image:
    return Image.fromarray(np.full((12, 12, 3), 60 * label + i, dtype=np.uint8))


def encoded(label: int, i: int) -> bytes:
    buffer = io.BytesIO()
    picture(label, i).save(buffer, "PNG")
    return buffer.getvalue()


def require_right_labels(splits: Splits) -> None:
    for part in (splits.train, splits.validation, splits.test):
        assert torch.equal((part.images[:, 0, 0, 0] // 60).long(), part.labels)


def refused(config: DataConfig) -> str:
    with pytest.raises(UsageError) as caught:
        load_data(config)
    return str(caught.value)


# Hugging Face


def hf_split(labels: Sequence[int], names: Sequence[str] | None = ("cat", "dog", "yak"), **more: Any) -> Any:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    label = datasets.Value("int64") if names is None else datasets.ClassLabel(names=list(names))
    columns: dict[str, Any] = {"img": datasets.Image(), "label": label}
    columns |= {key: datasets.ClassLabel(names=["a", "b", "c"]) for key in more}
    images = [{"bytes": encoded(max(label, 0), i % 20), "path": None} for i, label in enumerate(labels)]
    return datasets.Dataset.from_dict({"img": images, "label": labels, **more}, datasets.Features(columns))


def saved(path: Path, **splits: Any) -> DataConfig:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    datasets.DatasetDict(splits).save_to_disk(path)
    return DataConfig(kind="huggingface", path=path)


def test_a_set_saved_to_disk(tmp_path: Path) -> None:
    config = saved(tmp_path, train=hf_split([0, 1, 2] * 8), valid=hf_split([0, 1, 2]), test=hf_split([-1, -1]))
    splits = load_data(config)
    assert splits.classes == ("cat", "dog", "yak")
    assert splits.counts == {
        "train": 20,
        "validation": 3,
        "test": 4,
        "skipped": 0,
    }  # a test part without labels is none
    require_right_labels(splits)


def test_one_split_saved_to_disk(tmp_path: Path) -> None:
    hf_split([0, 1, 2] * 8, names=None).save_to_disk(tmp_path)
    splits = load_data(DataConfig(kind="huggingface", path=tmp_path))
    assert splits.classes == ("0", "1", "2")
    require_right_labels(splits)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of Hugging Face, empty."""
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def test_a_folder_of_parquet_files(tmp_path: Path, cache: Path) -> None:
    hf_split([0, 1, 2] * 8).to_parquet(tmp_path / "set" / "train-00000-of-00001.parquet")
    splits = load_data(DataConfig(kind="huggingface", path=tmp_path / "set"))
    assert splits.classes == ("cat", "dog", "yak")
    require_right_labels(splits)


def test_a_named_set_that_is_in_the_cache(tmp_path: Path, cache: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    hf_split([0, 1, 2] * 8).to_parquet(tmp_path / "set" / "train-00000-of-00001.parquet")
    datasets.load_dataset(str(tmp_path / "set"))
    (made,) = (cache / "set").glob("*/*/*/")
    cached = cache / "someone___animals" / "default" / "0.0.0"
    cached.mkdir(parents=True)
    made.rename(cached / ("0" * 40))
    (cached / ("0" * 40) / "set-train.arrow").rename(cached / ("0" * 40) / "animals-train.arrow")
    splits = load_data(DataConfig(kind="huggingface", name="someone/animals"))
    assert splits.counts == {"train": 17, "validation": 3, "test": 4, "skipped": 0}
    require_right_labels(splits)
    assert not datasets.config.HF_HUB_OFFLINE


def test_a_named_set_that_is_not_in_the_cache(cache: Path) -> None:
    message = refused(DataConfig(kind="huggingface", name="someone/animals"))
    assert "'someone/animals': not in this machine's Hugging Face cache" in message
    assert "set data.download = true" in message


def test_columns_are_chosen_where_there_are_several(tmp_path: Path) -> None:
    config = saved(tmp_path, train=hf_split([0, 1, 2] * 8, fine=[0, 1, 2] * 8))
    assert "several columns of type ClassLabel; choose one with data.label_column, of label, fine" in refused(config)
    assert load_data(config.model_copy(update={"label_column": "fine"})).classes == ("a", "b", "c")
    message = refused(config.model_copy(update={"label_column": "coarse"}))
    assert "data.label_column = 'coarse'" in message
    assert "it has img, label, fine" in message


def test_splits_with_other_classes_are_refused(tmp_path: Path) -> None:
    config = saved(tmp_path, train=hf_split([0, 1, 2] * 8), test=hf_split([0, 1, 2], names=("dog", "cat", "yak")))
    message = refused(config)
    assert "the test split of" in message
    assert "has the classes dog, cat, yak, but the training images have cat, dog, yak" in message


def test_splits_of_other_names_are_listed(tmp_path: Path) -> None:
    assert "no split train; its splits are fold1, fold2" in refused(
        saved(tmp_path, fold1=hf_split([0, 1]), fold2=hf_split([0, 1]))
    )


def test_a_folder_that_datasets_cannot_load(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="datasets is not installed")
    assert "datasets cannot load" in refused(DataConfig(kind="huggingface", path=tmp_path))


def test_without_datasets_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(NotInstalledError, match=r"pip install .*\[huggingface\]"):
        load_data(DataConfig(kind="huggingface", name="a/b"))


# torchvision


def write_idx(path: Path, values: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    """A file of MNIST: magic number, sizes and bytes (yann.lecun.com/exdb/mnist)."""
    header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + values.tobytes())


def make_mnist(root: Path, name: str) -> None:
    for split, count in (("train", 40), ("t10k", 20)):
        labels = np.arange(count, dtype=np.uint8) % 4
        images = np.broadcast_to(60 * labels[:, None, None], (count, 28, 28)).astype(np.uint8)
        write_idx(root / name / "raw" / f"{split}-images-idx3-ubyte", images)
        write_idx(root / name / "raw" / f"{split}-labels-idx1-ubyte", labels)


def torchvision_config(path: Path, name: str, **more: Any) -> DataConfig:
    return DataConfig(kind="torchvision", name=name, path=path, **more)


@pytest.mark.parametrize(("name", "flip_safe"), [("KMNIST", False), ("FashionMNIST", True)])
def test_a_torchvision_set_in_arrays(
    tmp_path: Path, name: str, flip_safe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("torchvision.datasets", reason="torchvision is not installed")
    monkeypatch.setattr(getattr(datasets, name), "classes", ["a", "b", "c", "d"])
    make_mnist(tmp_path, name)
    splits = load_data(torchvision_config(tmp_path, name))
    assert splits.counts == {"train": 34, "validation": 6, "test": 20, "skipped": 0}
    assert splits.train.images.shape[1:] == (3, 28, 28)
    assert splits.classes == ("a", "b", "c", "d")
    assert splits.flip_safe == flip_safe
    require_right_labels(splits)


def make_food101(root: Path) -> None:
    names = ("soup", "tart")
    listed = {split: {name: [f"{name}/{split}{i}" for i in range(8)] for name in names} for split in ("train", "test")}
    for split, by_class in listed.items():
        (root / "food-101" / "meta").mkdir(parents=True, exist_ok=True)
        (root / "food-101" / "meta" / f"{split}.json").write_text(json.dumps(by_class))
        for label, name in enumerate(names):
            for i, key in enumerate(by_class[name]):
                path = root / "food-101" / "images" / f"{key}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                picture(label, 10 + i).save(path)


def test_a_torchvision_set_in_files(tmp_path: Path) -> None:
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    make_food101(tmp_path)
    splits = load_data(torchvision_config(tmp_path, "Food101"))
    assert splits.counts == {"train": 14, "validation": 2, "test": 16, "skipped": 0}
    require_right_labels(splits)
    damaged = tmp_path / "food-101" / "images" / "tart" / "test3.jpg"
    damaged.write_bytes(b"")
    assert str(damaged) in refused(torchvision_config(tmp_path, "Food101"))


def test_a_torchvision_set_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    message = refused(torchvision_config(tmp_path, "CIFAR10"))
    assert f"'CIFAR10': its files are not in {tmp_path}" in message
    assert "set data.download = true" in message.lower()


def test_a_torchvision_set_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("torchvision.datasets", reason="torchvision is not installed")
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])  # the port of "discard": nobody listens
    message = refused(torchvision_config(tmp_path, "MNIST", download=True))
    assert "could not be downloaded" in message
    assert "check the network" in message


def test_an_unknown_torchvision_set(tmp_path: Path) -> None:
    message = refused(torchvision_config(tmp_path, "CocoDetection"))
    assert "'CocoDetection': no classification set of torchvision" in message
    assert "CIFAR10, CIFAR100" in message


# WebDataset


def write_shard(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def samples(labels: Sequence[int], label_file: str = "cls", words: Sequence[str] | None = None) -> dict[str, bytes]:
    files = {}
    for i, label in enumerate(labels):
        said = str(label) if words is None else words[label]
        files[f"./{i:04}.png"] = encoded(label, i % 20)
        files[f"./{i:04}.{label_file}"] = (json.dumps({"label": label}) if label_file == "json" else said).encode()
    return files


def wds_config(path: Path) -> DataConfig:
    return DataConfig(kind="webdataset", path=path)


@pytest.mark.parametrize("label_file", ["cls", "json"])
def test_shards_beside_each_other(tmp_path: Path, label_file: str) -> None:
    write_shard(tmp_path / "train-000000.tar", samples([0, 1, 2] * 5, label_file))
    write_shard(tmp_path / "train-000001.tar", samples([2, 1, 0] * 5, label_file))
    write_shard(tmp_path / "val-000000.tar", samples([0, 1, 2], label_file))
    splits = load_data(wds_config(tmp_path))
    assert splits.counts == {"train": 26, "validation": 3, "test": 4, "skipped": 0}
    assert splits.classes == ("0", "1", "2")
    require_right_labels(splits)


def test_shards_in_a_folder_for_each_split(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_shard(tmp_path / split / "0.tar", samples([0, 1, 2] * 5))
    (tmp_path / "classnames.txt").write_text("cat\ndog\nyak\n")
    splits = load_data(wds_config(tmp_path))
    assert splits.classes == ("cat", "dog", "yak")
    assert splits.counts == {"train": 12, "validation": 3, "test": 15, "skipped": 0}


def test_labels_may_be_words(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-0.tar", samples([0, 1, 2] * 5, words=["ant", "bee", "cow"]))
    splits = load_data(wds_config(tmp_path))
    assert splits.classes == ("ant", "bee", "cow")
    require_right_labels(splits)
    write_shard(tmp_path / "test-0.tar", samples([0, 1, 2], words=["ant", "bee", "emu"]))
    assert "test-0.tar: 0002 is of class 'emu', which the training images lack" in refused(wds_config(tmp_path))


def test_labels_outside_the_classes_of_shards(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-0.tar", samples([0, 1, 2] * 5))
    (tmp_path / "classnames.txt").write_text("cat\ndog\n")
    message = refused(wds_config(tmp_path))
    assert "train-0.tar: 0002" in message
    assert "has label 2 (and 4 more images have such labels)" in message


def test_an_image_without_a_label(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-0.tar", {"a.png": encoded(0, 0)})
    assert "train-0.tar: a has no label" in refused(wds_config(tmp_path))


def test_no_shards(tmp_path: Path) -> None:
    assert "no training images" in refused(wds_config(tmp_path))


@pytest.mark.parametrize("damage", [lambda b: b[:-11000], lambda b: gzip.compress(b), lambda b: b"no tar at all" * 99])
def test_a_damaged_shard(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "train-0.tar"
    write_shard(path, samples([0, 1, 2] * 5))
    path.write_bytes(damage(path.read_bytes()))
    message = refused(wds_config(tmp_path))
    assert f"cannot read {path}" in message
