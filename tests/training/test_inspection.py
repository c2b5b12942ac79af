"""What is known of a data set without decoding it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.drafting.photos import write_photos

from tiernas.errors import UsageError
from tiernas.training import DataConfig, load_data
from tiernas.training.data_size import DataSize
from tiernas.training.inspection import Inspection
from tiernas.training.sources import open_source


def inspected(config: DataConfig) -> Inspection:
    return Inspection.of(open_source(config), config)


def of_folder(path: Path, **values: object) -> DataConfig:
    return DataConfig.model_validate({"kind": "folder", "path": path, **values})


@pytest.mark.parametrize("values", [{}, {"validation_fraction": 0.3, "train_limit": 12}])
def test_splits_are_those_of_training(tmp_path: Path, values: Mapping[str, object]) -> None:
    config = of_folder(write_photos(tmp_path / "photos", {"cat": 20, "dog": 13}), **values)
    splits = load_data(config)
    found = inspected(config)
    assert found.splits == {name: splits.counts[name] for name in ("train", "validation", "test")}
    assert found.size(128) == DataSize.of(splits)
    assert found.counts == {"cat": 20, "dog": 13}
    assert (found.opened, found.copies, found.unreadable) == (33, [], [])


def test_splits_of_its_own(tmp_path: Path) -> None:
    for split, count in {"train": 12, "val": 6, "test": 4}.items():
        write_photos(tmp_path / "photos" / split, {"cat": count, "dog": count})
    found = inspected(of_folder(tmp_path / "photos"))
    assert found.splits == {"train": 24, "validation": 12, "test": 8}
    assert found.counts == {"cat": 22, "dog": 22}
    assert found.chance == 0.5


def test_images_without_a_file_are_inspected() -> None:
    found = inspected(DataConfig(kind="digits"))
    assert (sum(found.counts.values()), found.typical_px, found.size(64).image_size) == (1797, 8, 8)
    assert found.size(64).decoded_bytes == 1797 * 3 * 8 * 8


def test_only_some_of_many_images_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiernas.training.inspection._LOOKED_AT", 10)
    path = write_photos(tmp_path / "photos", {"cat": 20, "dog": 20})
    (path / "cat" / "000.png").write_bytes(b"nothing")
    found = inspected(of_folder(path))
    assert found.opened == 10
    assert any(line.startswith("of 10 images opened, 1 cannot be read (cat/000.png)") for line in found.warnings)


def test_copies_are_found_and_images_of_equal_length_are_not(tmp_path: Path) -> None:
    path = write_photos(tmp_path / "photos", {"cat": 10, "dog": 10}, suffix="bmp")
    shutil.copyfile(path / "cat" / "003.bmp", path / "dog" / "copy.bmp")
    assert inspected(of_folder(path)).copies == ["dog/copy.bmp = cat/003.bmp"]


def test_what_the_user_should_know(tmp_path: Path) -> None:
    path = write_photos(tmp_path / "photos", {"cat": 120, "dog": 11}, size=(16, 16))
    (path / "cat" / "000.png").write_bytes(b"nothing")
    (path / "dog" / "notes.txt").write_text("mine")
    shutil.copyfile(path / "cat" / "001.png", path / "cat" / "copy.png")
    found = inspected(of_folder(path))
    skipped, unreadable, copies, balance, few = found.warnings
    assert skipped == "skipped: not in a supported image format (1: .txt 1): dog/notes.txt"
    assert unreadable.startswith("1 cannot be read (cat/000.png): remove or replace them, or set data.on_corrupt")
    assert copies.startswith("1 is a copy of another one (cat/copy.png = cat/001.png): ")
    assert balance.startswith("classes differ in size: 121 images of 'cat', 11 of 'dog'; ")
    assert few.startswith(f"{found.splits['validation']} validation images can only tell networks apart")
    assert found.words.startswith("132 images of 2 classes (11 to 121 of each): ")


def test_nothing_readable_is_refused(tmp_path: Path) -> None:
    path = write_photos(tmp_path / "photos", {"cat": 5, "dog": 5})
    for file in path.rglob("*.png"):
        file.write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"none of the images can be read, such as cat/000\.png"):
        inspected(of_folder(path))
