from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from tiernas.errors import UsageError
from tiernas.training import DataConfig, Splits, load_data


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


def test_a_damaged_file_is_written_anew(config: DataConfig, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = load_data(config, cache)
    (path,) = stored(cache)
    path.write_bytes(path.read_bytes()[:-5])
    assert same(load_data(config, cache), first)
    assert same(load_data(config, cache), first)


def test_a_folder_that_cannot_be_written_is_named(config: DataConfig, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.raises(UsageError, match="cannot write the data cache"):
        load_data(config, tmp_path / "cache")
