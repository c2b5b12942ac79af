"""The description of a folder of photos, and folders that are refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tiernas.adapting import look_at
from tiernas.errors import UsageError
from tiernas.training import DataConfig, load_data


def write_photos(folder: Path, counts: Mapping[str, int], size: tuple[int, int] = (48, 40)) -> Path:
    """Writes photos of noise; each class has another brightness."""
    rng = np.random.default_rng(0)
    for number, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for photo in range(count):
            noise = rng.integers(0, 60, (size[1], size[0], 3)) + 60 * number
            Image.fromarray(noise.astype(np.uint8)).save(folder / name / f"{photo:03d}.png")
    return folder


def test_photos_are_counted(tmp_path: Path) -> None:
    path = write_photos(tmp_path / "photos", {"cat": 20, "dog": 12})
    found = look_at(path)
    assert (found.path, found.counts, found.typical_px) == (path, {"cat": 20, "dog": 12}, 40)
    assert found.training == len(load_data(DataConfig(kind="folder", path=path)).train)
    assert found.words.startswith("32 photos of 2 classes (12 to 20 of each), ")


def test_existing_splits_are_counted(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_photos(tmp_path / "photos" / split, {"cat": 20, "dog": 20})
    found = look_at(tmp_path / "photos")
    assert found.counts == {"cat": 40, "dog": 40}
    assert found.training == len(load_data(DataConfig(kind="folder", path=tmp_path / "photos")).train)


def test_a_damaged_photo_does_not_count_for_the_size(tmp_path: Path) -> None:
    path = write_photos(tmp_path / "photos", {"cat": 10, "dog": 10})
    (path / "cat" / "000.png").write_bytes(b"nothing")
    assert look_at(path).typical_px == 40


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"cat": 20, "dog": 3}, r"too few photos of a class: 'dog' has 3; each needs at least 10"),
        ({"cat": 20}, r"there is only one class, 'cat'"),
        ({}, r"no class folders"),
    ],
)
def test_too_little_is_refused(tmp_path: Path, counts: Mapping[str, int], message: str) -> None:
    (tmp_path / "photos").mkdir()
    write_photos(tmp_path / "photos", counts)
    with pytest.raises(UsageError, match=message):
        look_at(tmp_path / "photos")


def test_unreadable_photos(tmp_path: Path) -> None:
    path = write_photos(tmp_path / "photos", {"cat": 10, "dog": 10})
    for file in path.rglob("*.png"):
        file.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="none of the inspected photos can be read"):
        look_at(path)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^PHOTOS = .*does not exist"):
        look_at(tmp_path / "photos")
