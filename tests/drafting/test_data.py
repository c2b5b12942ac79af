"""Data that a search can be drafted for, and data that are refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.drafting.photos import write_photos

from tiernas.drafting import data_at, look_at, photos_in
from tiernas.errors import UsageError


def test_photos_are_counted(tmp_path: Path) -> None:
    path = write_photos(tmp_path / "photos", {"cat": 20, "dog": 12})
    found = look_at(photos_in(path), "PHOTOS")
    assert (found.config.path, found.counts, found.typical_px) == (path, {"cat": 20, "dog": 12}, 40)
    assert found.words.startswith("32 images of 2 classes (12 to 20 of each): ")


def test_a_damaged_photo_does_not_count_for_the_size(tmp_path: Path) -> None:
    path = write_photos(tmp_path / "photos", {"cat": 10, "dog": 10})
    (path / "cat" / "000.png").write_bytes(b"nothing")
    assert look_at(photos_in(path), "PHOTOS").typical_px == 40


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"cat": 20, "dog": 3}, r"too few images of a class: 'dog' has 3; each needs at least 10"),
        ({"cat": 20}, r"there is only one class, 'cat'"),
        ({}, r"^PHOTOS: .* has no class folders"),
    ],
)
def test_too_little_is_refused(tmp_path: Path, counts: Mapping[str, int], message: str) -> None:
    (tmp_path / "photos").mkdir()
    write_photos(tmp_path / "photos", counts)
    with pytest.raises(UsageError, match=message):
        look_at(photos_in(tmp_path / "photos"), "PHOTOS")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^PHOTOS = .*does not exist"):
        look_at(photos_in(tmp_path / "photos"), "PHOTOS")


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["cat/1.jpg", "dog/1.jpg"], "folder"),
        (["train/cat/1.jpg", "train/dog/1.jpg", "test/cat/1.jpg"], "folder"),
        (["train-00000-of-00001.parquet", "README.md"], "parquet"),
        (["data/train-00000-of-00001.parquet"], "huggingface"),
        (["dataset_dict.json", "train/data-00000-of-00001.arrow"], "huggingface"),
        (["train-000000.tar"], "webdataset"),
        (["train/000000.tar"], "webdataset"),
        ([], "folder"),
    ],
)
def test_the_kind_of_data_is_that_of_their_files(tmp_path: Path, files: list[str], kind: str) -> None:
    for name in files:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    (tmp_path / "data").mkdir(exist_ok=True)
    found = data_at(str(tmp_path / "data"))
    assert (found.kind, found.path) == (kind, tmp_path / "data")


def test_digits_need_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert data_at("digits").kind == "digits"
    (tmp_path / "digits").mkdir()
    assert data_at("digits").kind == "folder"


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.parquet").touch()
    with pytest.raises(UsageError, match=r"^DATA = .*mine\.parquet': is a file; give the folder that holds the data"):
        data_at(str(tmp_path / "mine.parquet"))
    with pytest.raises(UsageError, match=r"^DATA = 'nowhere': does not exist; give a folder \(.*\), or digits"):
        data_at("nowhere")


@pytest.mark.slow
def test_a_hundred_thousand_names_are_looked_at_in_seconds(tmp_path: Path) -> None:
    """Links to a few photos; 20,000 of them are opened."""
    originals = write_photos(tmp_path / "originals", {"cat": 7, "dog": 7}, size=(8, 8))
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(50_000):
            original = originals / name / f"{number % 7:03d}.png"
            (tmp_path / "photos" / name / f"{number:05d}.png").hardlink_to(original)
    found = look_at(data_at(str(tmp_path / "photos")), "DATA")
    assert (sum(found.counts.values()), found.opened) == (100_000, 20_000)
    assert found.splits["train"] == pytest.approx(72_250, abs=2)
    assert len(found.copies) == 20_000 - 14


@pytest.mark.parametrize(
    ("place", "message"),
    [("~nobody-of-this-name/photos", "there is no such user"), ("x" * 5000, r"cannot be read \(File name too long\)")],
)
def test_names_that_the_system_refuses_are_one_message(place: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        data_at(place)
    assert len(str(refused.value)) < 500
