from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from PIL import Image
from torch import Tensor

from tiernas.errors import UsageError
from tiernas.training import DataConfig, ImageSet, Splits, load_data
from tiernas.training.cache import DataCache
from tiernas.training.data import _load
from tiernas.training.memory import machine_memory_bytes


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(6):
            Image.new("RGB", (9, 9), (100 * label, i, 0)).save(tmp_path / "images" / name / f"{i}.png")
    return DataConfig(kind="folder", path=tmp_path / "images", image_size=8)


def stored(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def same(a: Splits, b: Splits) -> bool:
    pairs = [(a.train, b.train), (a.validation, b.validation), (a.test, b.test)]
    equal = all(torch.equal(x.images, y.images) and torch.equal(x.labels, y.labels) for x, y in pairs)
    return equal and (a.digest, a.classes, a.skipped) == (b.digest, b.classes, b.skipped)


def test_the_second_time_nothing_is_decoded(
    config: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_data(config, tmp_path / "cache")
    monkeypatch.setattr(Image, "open", None)
    second = load_data(config, tmp_path / "cache")
    assert same(first, second)
    assert second.train.images.is_contiguous(memory_format=torch.channels_last)


def test_a_relative_path_names_the_same_files(
    config: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_data(config, cache_dir=tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    load_data(config.model_copy(update={"path": Path("images")}), cache_dir=tmp_path / "cache")
    assert len(stored(tmp_path / "cache")) == 1


def test_changed_files_and_settings_are_decoded_anew(config: DataConfig, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = load_data(config, cache)
    assert load_data(config.model_copy(update={"seed": 1}), cache).digest != first.digest
    assert config.path is not None
    changed = config.path / "cat" / "0.png"
    Image.new("RGB", (9, 9), (255, 255, 255)).save(changed)
    os.utime(changed, ns=(1, 1))
    assert load_data(config, cache).digest != first.digest
    assert len(stored(cache)) == 3


def test_a_file_of_the_same_size_that_changed_is_noticed_by_its_time(config: DataConfig, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert config.path is not None
    changed = config.path / "cat" / "1.png"
    Image.new("RGB", (9, 9), (0, 1, 0)).save(changed, "BMP")  # as many bytes whatever it shows
    before = changed.stat()
    first = load_data(config, cache)
    Image.new("RGB", (9, 9), (0, 99, 0)).save(changed, "BMP")
    assert changed.stat().st_size == before.st_size
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert load_data(config, cache).digest != first.digest


def test_what_is_no_image_decides_too_whether_data_are_decoded_anew(config: DataConfig, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert config.path is not None
    assert load_data(config, cache).notes == ()
    (config.path / "cat" / "notes.txt").write_text("")
    assert "notes.txt" in load_data(config, cache).notes[0]


@pytest.mark.parametrize("damaged", ["*.safetensors", "*.train.pixels"])
def test_a_damaged_file_is_written_anew(config: DataConfig, tmp_path: Path, damaged: str) -> None:
    cache = tmp_path / "cache"
    first = load_data(config)
    load_data(config, cache)
    (path,) = cache.glob(damaged)
    path.write_bytes(path.read_bytes()[:-5])
    assert same(load_data(config, cache), first)
    assert same(load_data(config, cache), first)


def test_what_is_mapped_outlives_its_files(config: DataConfig, tmp_path: Path) -> None:
    """A process that trains must not die because another writes the files anew."""
    cache = tmp_path / "cache"
    mapped = load_data(config, cache)
    for path in cache.glob("*.safetensors"):
        path.unlink()
    assert same(load_data(config, cache), mapped)


def test_which_images_are_in_which_part_is_written_down(config: DataConfig, tmp_path: Path) -> None:
    splits = load_data(config, tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*.splits.csv")
    assigned = list(csv.DictReader(path.open(newline="")))
    for name, part in (("train", splits.train), ("validation", splits.validation), ("test", splits.test)):
        listed = [row for row in assigned if row["part"] == name]
        assert [f"{'dog' if red else 'cat'}/{green}.png" for red, green, _ in part.images[:, :, 0, 0].tolist()] == [
            row["image"] for row in listed
        ]
        assert [row["class"] for row in listed] == [row["image"].split("/")[0] for row in listed]
    assert len({row["image"] for row in assigned}) == len(assigned) == 12


def epoch(part: ImageSet) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    rows = [torch.randint(len(part), (3,), generator=generator) for _ in range(12)]
    assert all(torch.equal(batch, part.images[r]) for batch, r in zip(part.batches(rows), rows, strict=True))
    return list(part.batches(rows))


def test_in_memory_and_on_disk_batches_are_the_same(
    config: DataConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_memory = load_data(config)
    shared = DataCache(tmp_path / "cache").get(config, _load)
    on_disk = DataCache(tmp_path / "cache", memory_bytes=1000).get(config, _load)
    assert "more than half of this machine's memory: they are read from disk" in caplog.text
    assert (shared.train.ask_for is None, on_disk.train.ask_for is None) == (True, False)
    assert same(in_memory, shared)
    assert same(in_memory, on_disk)
    for one, two, three in zip(epoch(in_memory.train), epoch(shared.train), epoch(on_disk.train), strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


def test_images_on_disk_are_asked_for_once_and_before_they_are_needed() -> None:
    asked: list[int] = []
    images = torch.arange(40, dtype=torch.uint8).view(40, 1, 1, 1).expand(40, 3, 1, 1)
    part = ImageSet(images, torch.zeros(40, dtype=torch.int64), ("a",), lambda rows: asked.extend(rows.tolist()))
    for step, batch in enumerate(part.batches(torch.split(torch.arange(40), 4))):
        assert int(batch[0, 0]) == 4 * step
        assert asked == list(range(min(40, 4 * (step + 5))))


def test_what_memory_cannot_hold_is_refused_without_a_folder(
    config: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tiernas.training.data.machine_memory_bytes", lambda: 1000)
    with pytest.raises(UsageError, match=r"images of the train split take .* give load_data a cache_dir"):
        load_data(config)


def test_what_the_disk_cannot_hold_is_refused(
    config: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(UsageError, match=r"the decoded images take 0.0 GB, .* lower data.image_size"):
        load_data(config, tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "text", "limit"),
    [
        ("memory.max", "2000000\n", 2_000_000),
        ("memory.max", "max\n", None),
        ("memory/memory.limit_in_bytes", "3000000\n", 3_000_000),
        ("memory/memory.limit_in_bytes", f"{2**63 - 4096}\n", None),
    ],
)
def test_a_container_limits_the_memory(tmp_path: Path, name: str, text: str, limit: int | None) -> None:
    machine = machine_memory_bytes(tmp_path)
    assert machine == psutil.virtual_memory().total
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert machine_memory_bytes(tmp_path) == (limit or machine)


def test_a_folder_that_cannot_be_written_is_named(config: DataConfig, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.raises(UsageError, match="cannot write the data cache"):
        load_data(config, tmp_path / "cache")


def test_nothing_of_refused_data_is_left(config: DataConfig, tmp_path: Path) -> None:
    assert config.path is not None
    (config.path / "cat" / "0.png").write_bytes(b"")
    with pytest.raises(UsageError, match="1 of 12 images cannot be read"):
        load_data(config, tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] in ([], [".lock"])
