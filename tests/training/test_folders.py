"""Image folders as people have them: nothing in them is lost or added without a word."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from tiernas.errors import UsageError
from tiernas.training import DataConfig, Splits, load_data


def photo(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (10, 10, 3), dtype=np.uint8)).save(path)
    return path


def photos(root: Path, **counts: int) -> Path:
    """Folders of different images; `a__b` is a folder `b` in `a`."""
    for i, (folder, count) in enumerate(counts.items()):
        for k in range(count):
            photo(root.joinpath(*folder.split("__"), f"{k}.png"), 100 * i + k)
    return root


def loaded(root: Path, cache: Path | None = None) -> Splits:
    return load_data(DataConfig(kind="folder", path=root, image_size=8), cache)


def refused(root: Path) -> str:
    with pytest.raises(UsageError) as caught:
        loaded(root)
    return str(caught.value)


def note(splits: Splits, beginning: str) -> str:
    (found,) = [note for note in splits.notes if note.startswith(beginning)]
    return found


# Splits and classes


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("Train", "Valid", "Test"),
        ("TRAINING", "Dev", "eval"),
        ("train", "validation", "evaluation"),
        ("train", "val", "testing"),
        ("training_set", "validation_set", "test_set"),
        ("seg_train", "seg_val", "seg_test"),
    ],
)
def test_names_of_splits(tmp_path: Path, train: str, validation: str, test: str) -> None:
    counts = {f"{split}__{name}": n for split, n in ((train, 6), (validation, 2), (test, 3)) for name in ("cat", "dog")}
    splits = loaded(photos(tmp_path, **counts))
    assert splits.classes == ("cat", "dog")
    assert splits.counts == {"train": 12, "validation": 4, "test": 6, "skipped": 0}


@pytest.mark.parametrize("folder", ["test", "Testing", "val"])
def test_a_set_without_a_training_part_is_refused(tmp_path: Path, folder: str) -> None:
    message = refused(photos(tmp_path, **{f"{folder}__cat": 6, f"{folder}__dog": 6}))
    assert f"has the folders {folder} but no training split" in message


@pytest.mark.parametrize("classes", [{"yak": 2}, {"yak__more": 2}])
def test_splits_beside_classes_are_refused(tmp_path: Path, classes: dict[str, int]) -> None:
    message = refused(photos(tmp_path, Train__cat=6, Train__dog=6, **classes))
    assert "mixes splits (Train) and others (yak)" in message


@pytest.mark.parametrize("other", ["single_prediction", "single_prediction__more"])
def test_splits_called_by_several_words_beside_others_are_refused(tmp_path: Path, other: str) -> None:
    message = refused(photos(tmp_path, training_set__cat=6, training_set__dog=6, test_set__cat=6, **{other: 2}))
    assert "mixes splits (" in message
    assert "and others (single_prediction)" in message


def test_unlabelled_images_beside_classes_are_no_class(tmp_path: Path) -> None:
    assert "mixes splits (test) and others (cat)" in refused(photos(tmp_path, cat=6, dog=6, test=4))


def test_splits_without_classes_are_no_classes(tmp_path: Path) -> None:
    assert "Train has no class folders" in refused(photos(tmp_path, Train=6, Test=6))


def test_splits_below_classes_are_refused(tmp_path: Path) -> None:
    message = refused(photos(tmp_path, cat__train=6, cat__test=6, dog__train=6, dog__test=6))
    assert f"class folder {tmp_path / 'cat'} contains splits (test, train)" in message


def test_classes_may_have_the_words_of_splits_in_their_names(tmp_path: Path) -> None:
    root = photos(tmp_path, **{"bullet train": 6, "steam train": 6, "test tube": 6, "train": 6})
    assert loaded(root).classes == ("bullet train", "steam train", "test tube", "train")


def test_a_test_part_without_labels_counts_as_none_and_is_told(tmp_path: Path) -> None:
    splits = loaded(photos(tmp_path, train__cat=6, train__dog=6, test=4))
    assert splits.counts == {"train": 8, "validation": 2, "test": 2, "skipped": 0}
    assert "images without a label, in no class folder (4): test/0.png, test/1.png, test/2.png, ..." in splits.notes[0]


def test_a_folder_of_notes_beside_splits_is_told(tmp_path: Path) -> None:
    root = photos(tmp_path, train__cat=6, train__dog=6)
    (root / "annotations").mkdir()
    (root / "annotations" / "boxes.xml").write_text("")
    assert "not in a supported image format (1: .xml 1): annotations/boxes.xml" in note(loaded(root), "skipped")


# Files


def test_what_is_hidden_is_left_out_at_every_depth(tmp_path: Path) -> None:
    root = photos(tmp_path / "images", cat=6, dog=6, cat__more=3)
    usual = loaded(root, tmp_path / "cache")
    hidden = [".thumbs", "__MACOSX", "cat/.ipynb_checkpoints", "cat/more/__MACOSX", "dog/@eaDir", "dog/.git"]
    for folder in hidden:
        photo(root / folder / "copy.png", 1)
    for name in ("cat/._0.png", "cat/more/.DS_Store", "dog/Thumbs.db", "dog/desktop.ini"):
        (root / name).write_bytes(b"\0")
    splits = loaded(root, tmp_path / "cache")
    assert splits.digest == usual.digest
    assert note(splits, "skipped").startswith("skipped: hidden (10): ")


def test_all_formats_that_pillow_decodes_are_read(tmp_path: Path) -> None:
    photos(tmp_path, cat=4, dog=4)
    suffixes = [".jfif", ".jpe", ".JPG", ".pgm", ".tga", ".ico", ".apng", ".bmp", ".gif", ".webp", ".tif"]
    suffixes += [".jp2"] if features.check("jpg_2000") else []
    suffixes += [".avif"] if features.check("avif") else []
    for i, suffix in enumerate(suffixes):
        grey = suffix == ".pgm"
        picture = Image.fromarray(np.random.default_rng(i).integers(0, 256, (16, 16, 3), dtype=np.uint8))
        (picture.convert("L") if grey else picture).save(tmp_path / "cat" / f"odd{suffix}")
    splits = loaded(tmp_path)
    assert sum(splits.counts.values()) == 8 + len(suffixes)
    assert not [note for note in splits.notes if "skipped" in note]


def test_other_files_are_counted_by_their_suffix(tmp_path: Path) -> None:
    root = photos(tmp_path / "images", cat=6, dog=6)
    for name in ("cat/a.heic", "cat/b.HEIC", "cat/clip.mpg", "dog/notes.txt", "dog/nothing", "README.md"):
        (root / name).write_text("")
    photo(root / "loose.png", 7)
    splits = loaded(root, tmp_path / "cache")
    told = note(splits, "skipped")
    assert "not in a supported image format (6: .heic 2, .md 1, .mpg 1, .txt 1, no suffix 1): README.md, " in told
    assert "images in no class folder (1): loose.png" in told
    assert loaded(root, tmp_path / "cache").notes == splits.notes
    (path,) = (tmp_path / "cache").glob("*.splits.csv")
    reasons = {row["image"]: row["reason it is not used"] for row in csv.DictReader(path.open()) if not row["part"]}
    assert set(reasons) == {
        "cat/a.heic",
        "cat/b.HEIC",
        "cat/clip.mpg",
        "dog/notes.txt",
        "dog/nothing",
        "README.md",
        "loose.png",
    }
    assert reasons["cat/b.HEIC"] == "not in a supported image format .heic"


def test_a_class_of_unread_files_is_told_what_was_passed_over(tmp_path: Path) -> None:
    photos(tmp_path, cat=6)
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "a.heic").write_text("")
    assert "'dog' has 0" in refused(tmp_path)
    assert "Skipped: not in a supported image format (1: .heic 1): dog/a.heic" in refused(tmp_path)


def test_linked_folders_are_read_and_seen_by_the_cache(tmp_path: Path) -> None:
    root = photos(tmp_path / "images", cat=6, dog=6)
    elsewhere = photos(tmp_path / "elsewhere", deep__er=4)
    (root / "cat" / "linked").symlink_to(elsewhere)
    splits = loaded(root, tmp_path / "cache")
    assert sum(splits.counts.values()) == 16
    before = splits.digest
    photo(elsewhere / "deep" / "er" / "0.png", 999)
    assert loaded(root, tmp_path / "cache").digest != before


def test_links_in_loops_and_to_nowhere_are_told(tmp_path: Path) -> None:
    root = photos(tmp_path / "images", **{f"class{i}": 6 for i in range(8)})
    usual = loaded(root).digest
    for i in range(8):
        for j in range(8):
            (root / f"class{i}" / f"up{j}").symlink_to(root, target_is_directory=True)
    (root / "loop").symlink_to(root)
    (root / "class0" / "itself").symlink_to("itself")
    (root / "class0" / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(root / "class0" / "pipe.png")
    splits = loaded(root, tmp_path / "cache")
    assert splits.digest == usual
    told = note(splits, "skipped")
    assert "links to folders that are already read (65: images 65): " in told
    assert "dangling links (2): class0/gone.png, class0/itself" in told
    assert "neither file nor folder (1): class0/pipe.png" in told


def test_links_between_all_folders_are_read_once_in_each_class(tmp_path: Path) -> None:
    root = photos(tmp_path, cat=6, dog=6)
    others = [photos(tmp_path.parent / f"{tmp_path.name}-{i}", here=1) for i in range(12)]
    for one in others:
        for i, other in enumerate(others):
            (one / f"link{i}").symlink_to(other)
    (root / "cat" / "web").symlink_to(others[0])
    assert sum(loaded(root).counts.values()) == 24


LIST = """
import os, sys
from pathlib import Path
from tiernas.errors import UsageError
from tiernas.image_files import files_below
os.setuid(65534)
try:
    files_below(Path(sys.argv[1]), Path(sys.argv[1]))
except UsageError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not read a folder")
def test_a_folder_that_must_not_be_read_is_named() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folder is closed to other users
        root = photos(Path(folder), cat=1, dog=1)
        root.chmod(0o755)
        (root / "dog").chmod(0o700)
        told = subprocess.run([sys.executable, "-c", LIST, folder], capture_output=True, text=True)
    assert f"the folder {root / 'dog'} cannot be read (Permission denied)" in told.stdout, told.stderr


def test_names_that_are_no_utf8_are_read_logged_and_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = photos(tmp_path / "images", dog=6)
    latin = Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9"))
    try:
        photos(latin, more=6)
        (latin / os.fsdecode(b"notes\xff.txt")).write_text("")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (latin / "more" / "0.png").rename(latin / os.fsdecode(b"bad\xfe.png"))
    first, again = (loaded(root, tmp_path / "cache") for _ in range(2))
    assert first.classes == again.classes == ("caf\\xe9", "dog")
    assert sum(first.counts.values()) == 12
    assert "caf\\xe9/notes\\xff.txt" in note(again, "skipped")
    (path,) = (tmp_path / "cache").glob("*.splits.csv")
    assert "caf\\xe9/bad\\xfe.png" in path.read_text(encoding="utf-8")
    caplog.text.encode()


# What stands there twice


def test_the_same_image_in_training_and_test_is_always_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = photos(tmp_path / "images", train__cat=6, train__dog=6, test__cat=3, test__dog=3)
    (root / "test" / "dog" / "copy.png").write_bytes((root / "train" / "dog" / "2.png").read_bytes())
    Image.open(root / "train" / "cat" / "1.png").save(root / "test" / "cat" / "other format.bmp")
    for _ in range(2):
        caplog.clear()
        loaded(root, tmp_path / "cache")
        assert "in both the train" in caplog.text
        assert "so accuracies are too high (2): " in caplog.text or caplog.text.count("(1): ") == 2
        assert "test/dog/copy.png" in caplog.text
        assert "test/cat/other format.bmp" in caplog.text


def test_the_same_image_with_different_classes_is_told(tmp_path: Path) -> None:
    root = photos(tmp_path, cat=6, dog=6)
    (root / "dog" / "copy.png").write_bytes((root / "cat" / "3.png").read_bytes())
    told = note(loaded(root), "the same image with different classes")
    assert "(1): " in told
    assert "cat/3.png (cat)" in told
    assert "dog/copy.png (dog)" in told


def test_different_images_are_not_told(tmp_path: Path) -> None:
    assert loaded(photos(tmp_path, cat=9, dog=9)).notes == ()


def test_animations_are_told(tmp_path: Path) -> None:
    root = photos(tmp_path, cat=6, dog=6)
    frames = [Image.new("RGB", (9, 9), (i, 9, 90)) for i in (10, 200)]
    for name in ("a.gif", "b.webp", "c.png", "d.tif"):
        frames[0].save(root / "cat" / name, save_all=True, append_images=frames[1:])
    assert "several frames, only the first is read (4): " in note(loaded(root), "several frames")


def test_a_class_that_the_test_part_lacks_is_told(tmp_path: Path) -> None:
    splits = loaded(photos(tmp_path, train__cat=6, train__dog=6, test__cat=3))
    assert splits.notes == ("classes without an image in the test split (1): dog",)
