from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tiernas.errors import UsageError
from tiernas.latency.measuring.calibration_files import MOST_IMAGES, read_calibration

MEAN, STD = (0.5, 0.25, 0.0), (0.5, 0.25, 1.0)


def test_images_are_scaled_cut_and_normalised(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    pixels = np.zeros((4, 8, 3), dtype=np.uint8)
    pixels[:, 2:6] = 255  # the square in the middle, which the cut leaves
    Image.fromarray(pixels).save(tmp_path / "cats" / "one.png")
    Image.new("L", (5, 9), 255).save(tmp_path / "two.bmp")
    (tmp_path / "notes.txt").write_text("no image")
    images = read_calibration(tmp_path, (4, 4), MEAN, STD)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, np.broadcast_to(np.array([1.0, 3.0, 1.0])[:, None, None], (2, 3, 4, 4)))


def test_many_images_are_taken_evenly(tmp_path: Path) -> None:
    for number in range(2 * MOST_IMAGES):
        Image.new("L", (1, 1), number * 255 // (2 * MOST_IMAGES)).save(tmp_path / f"{number:04d}.png")
    images = read_calibration(tmp_path, (1, 1), (0, 0, 0), (1, 1, 1))
    assert len(images) == MOST_IMAGES
    assert images.max() > 0.99


def test_arrays_are_taken_as_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.full((2, 3, 5, 5), 7.0))
    images = read_calibration(tmp_path / "images.npy", (4, 4), MEAN, STD)
    assert images.dtype == np.float32
    assert images.shape == (2, 3, 5, 5)


def test_bad_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "cat.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more of it")
    np.save(tmp_path / "bytes.npy", np.zeros((2, 3, 4, 4), dtype=np.uint8))
    np.save(tmp_path / "flat.npy", np.zeros((2, 3)))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "images.zip").write_text("no folder")
    expected = {
        "none": "no such folder or file",
        "none.npy": "no such file",
        "empty": "contains no images",
        "broken": r"cat\.jpg: cannot be read as an image",
        "bytes.npy": "uint8",
        "flat.npy": r"shape \(2, 3\)",
        "objects.npy": "numpy array",
        "text.npy": "numpy array",
        "images.zip": "must be a folder of images or a .npy file",
    }
    for name, words in expected.items():
        with pytest.raises(UsageError, match=f"calibration: .*{words}"):
            read_calibration(tmp_path / name, (4, 4), MEAN, STD)


def test_the_images_are_those_that_training_reads(tmp_path: Path) -> None:
    white = np.full((4, 4), 65535, dtype=np.uint16)
    (tmp_path / "cats").mkdir()
    Image.fromarray(white).save(tmp_path / "cats" / "sixteen bits.tiff")
    for name in (".ipynb_checkpoints/copy.png", "cats/._copy.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / name)
    (tmp_path / "cats" / "loop").symlink_to(tmp_path)
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "transparent.webp", lossless=True, exact=True)
    images = read_calibration(tmp_path, (4, 4), (0, 0, 0), (1, 1, 1))
    assert images.shape == (2, 3, 4, 4)
    assert (images == 1).all()
