"""Data that a search can be drafted for, and data that are refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.drafting.photos import write_photos

from tiernas.drafting import look_at, photos_in
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
