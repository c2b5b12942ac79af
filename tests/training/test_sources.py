from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from tiernas.errors import NotInstalledError, UsageError
from tiernas.training import DataConfig, load_data
from tiernas.training.decoding import decode
from tiernas.training.sources import Part


def picture(value: int, size: tuple[int, int] = (20, 16)) -> Image.Image:
    return Image.fromarray(np.full((size[1], size[0], 3), value, dtype=np.uint8))


def encoded(value: int, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture(value).save(buffer, kind)
    return buffer.getvalue()


def make_folder(root: Path, classes: dict[str, int]) -> Path:
    for label, (name, count) in enumerate(classes.items()):
        (root / name).mkdir(parents=True)
        for i in range(count):
            picture(100 * label + i).save(root / name / f"{i:02}.png")
    return root


def make_parquet(
    path: Path, labels: list[int], *, names: list[str] | None = None, columns: tuple[str, str] = ("image", "label")
) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as pq

    images = [{"bytes": encoded(i % 256), "path": f"{i}.png"} for i in range(len(labels))]
    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    table = pa.table({columns[0]: pa.array(images, image), columns[1]: pa.array(labels, pa.int64())})
    if names is not None:
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def folder_config(path: Path, **more: Any) -> DataConfig:
    return DataConfig(kind="folder", path=path, image_size=8, **more)


def parquet_config(path: Path) -> DataConfig:
    return DataConfig(kind="parquet", path=path, image_size=8)


def test_class_folders(tmp_path: Path) -> None:
    make_folder(tmp_path, {"cat": 10, "dog": 10})
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / ".thumbnails").mkdir()
    splits = load_data(folder_config(tmp_path))
    assert splits.classes == ("cat", "dog")
    assert splits.counts == {"train": 14, "validation": 3, "test": 3, "skipped": 0}
    assert splits.flip_safe
    for part in (splits.train, splits.validation, splits.test):
        assert torch.equal((part.images[:, 0, 0, 0] >= 100).long(), part.labels)


def test_split_folders(tmp_path: Path) -> None:
    for split, count in (("train", 6), ("val", 2), ("test", 3)):
        make_folder(tmp_path / split, {"cat": count, "dog": count})
    assert load_data(folder_config(tmp_path)).counts == {"train": 12, "validation": 4, "test": 6, "skipped": 0}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    make_folder(tmp_path, {"bus": 8, "train": 8})
    assert load_data(folder_config(tmp_path)).classes == ("bus", "train")


def test_images_are_scaled_and_cut_around_their_centre(tmp_path: Path) -> None:
    make_folder(tmp_path, {"cat": 4, "dog": 4})
    wide = np.zeros((20, 60, 3), dtype=np.uint8)
    wide[:, 20:40] = 200
    for path in (tmp_path / "cat").iterdir():
        Image.fromarray(wide).save(path)
    train = load_data(folder_config(tmp_path)).train
    middle = train.images[train.labels == 0][:, :, :, 1:-1]
    assert ((middle >= 195) & (middle <= 215)).all()


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "P", "RGBA", "1", "CMYK"])
def test_any_colour_mode(tmp_path: Path, mode: str) -> None:
    make_folder(tmp_path, {"cat": 4, "dog": 4})
    grey = picture(200).convert("L")
    odd = (
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
        if mode == "I;16"
        else grey.convert(mode, dither=Image.Dither.NONE)
    )
    for path in (tmp_path / "cat").iterdir():
        path.unlink()
        odd.save(path.with_suffix(".tiff"))
    train = load_data(folder_config(tmp_path)).train
    assert (train.images[train.labels == 0] == (255 if mode == "1" else 200)).all()


def test_images_that_no_rule_can_show_are_counted_as_unreadable(tmp_path: Path) -> None:
    make_folder(tmp_path, {"cat": 4, "dog": 4})
    Image.fromarray(np.full((9, 9), 70_000, np.int32)).save(tmp_path / "cat" / "counts.tiff")
    message = refused(folder_config(tmp_path))
    assert "1 of 9 images cannot be read: cat/counts.tiff (its gray values have 32 bits, so which is white" in message


def test_photos_are_upright(tmp_path: Path) -> None:
    make_folder(tmp_path, {"cat": 4, "dog": 4})
    halves = np.zeros((16, 16, 3), np.uint8)
    halves[:8] = 240
    turned = Image.Exif()
    turned[0x0112] = 6  # stored a quarter turn to the left
    for path in (tmp_path / "cat").iterdir():
        Image.fromarray(np.rot90(halves)).save(path, exif=turned)
    train = load_data(folder_config(tmp_path)).train
    cats = train.images[train.labels == 0]
    assert (cats[:, :, :3] >= 224).all()
    assert (cats[:, :, 5:] <= 20).all()


def test_parquet(tmp_path: Path) -> None:
    make_parquet(tmp_path / "train-00000-of-00002.parquet", [0, 1] * 5, names=["cat", "dog"])
    make_parquet(tmp_path / "train-00001-of-00002.parquet", [0, 1] * 5, names=["cat", "dog"])
    make_parquet(tmp_path / "valid-00000-of-00001.parquet", [0, 1] * 2, names=["cat", "dog"])
    splits = load_data(parquet_config(tmp_path))
    assert splits.classes == ("cat", "dog")
    assert splits.counts == {"train": 17, "validation": 4, "test": 3, "skipped": 0}


def test_parquet_without_names_counts_its_classes(tmp_path: Path) -> None:
    make_parquet(tmp_path / "train-00000-of-00001.parquet", [0, 1, 2] * 5)
    assert load_data(parquet_config(tmp_path)).classes == ("0", "1", "2")


def test_parquet_may_hold_paths(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    make_folder(tmp_path / "images", {"cat": 5, "dog": 5})
    files = sorted((tmp_path / "images").rglob("*.png"))
    image = pa.array(
        [{"bytes": None, "path": str(file)} for file in files], pa.struct({"bytes": pa.binary(), "path": pa.string()})
    )
    table = pa.table({"image": image, "label": [int(file.parent.name == "dog") for file in files]})
    pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / "train-00000-of-00001.parquet")
    train = load_data(parquet_config(tmp_path)).train
    assert torch.equal((train.images[:, 0, 0, 0] >= 100).long(), train.labels)
    files[0].unlink()
    assert f"1 of 10 images cannot be read: train row 0 ([Errno 2] No such file or directory: '{files[0]}')" in refused(
        parquet_config(tmp_path)
    )


def test_a_missing_shard_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_parquet(tmp_path / "train-00000-of-00003.parquet", [0, 1] * 5)
    load_data(parquet_config(tmp_path))
    assert "1 of the 3 files of the train split" in caplog.text


def test_the_packed_photos(shared_data: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    splits = load_data(DataConfig(kind="parquet", path=shared_data / "clothing10_64"))
    assert splits.counts == {"train": 3068, "validation": 341, "test": 372, "skipped": 0}
    assert splits.classes[0] == "dress"
    assert splits.train.images.shape[1:] == (3, 64, 64)


# Bad input


def refused(config: DataConfig) -> str:
    with pytest.raises(UsageError) as caught:
        load_data(config)
    return str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    message = refused(folder_config(tmp_path / "nowhere"))
    assert "nowhere" in message
    assert "does not exist" in message


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(parquet_config(tmp_path / "file"))


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "no class folders" in refused(folder_config(tmp_path))
    assert "train-00000-of-00001.parquet" in refused(parquet_config(tmp_path))


def test_images_without_class_folders(tmp_path: Path) -> None:
    picture(1).save(tmp_path / "a.png")
    assert "no class folders" in refused(folder_config(tmp_path))


def test_class_folders_without_images(tmp_path: Path) -> None:
    make_folder(tmp_path, {"cat": 0, "dog": 0})
    assert "no images under" in refused(folder_config(tmp_path))


def test_a_class_with_one_image_is_named(tmp_path: Path) -> None:
    make_folder(tmp_path, {"cat": 9, "dog": 9, "yak": 1})
    message = refused(folder_config(tmp_path))
    assert "'yak' has 1" in message
    assert "at least 3 (for training and validation and test)" in message


def test_a_class_with_one_image_is_refused_with_splits_too(tmp_path: Path) -> None:
    for split, count in (("train", 1), ("val", 2), ("test", 2)):
        make_folder(tmp_path / split, {"cat": 5, "yak": count})
    assert "'yak' has 1" in refused(folder_config(tmp_path))


def test_only_one_class(tmp_path: Path) -> None:
    make_folder(tmp_path, {"cat": 9})
    assert "only one class, 'cat'" in refused(folder_config(tmp_path))


def test_a_class_that_training_does_not_have(tmp_path: Path) -> None:
    make_folder(tmp_path / "train", {"cat": 5, "dog": 5})
    make_folder(tmp_path / "test", {"cat": 5, "yak": 5})
    assert "'yak'" in refused(folder_config(tmp_path))


def test_a_test_part_with_other_classes(tmp_path: Path) -> None:
    make_parquet(tmp_path / "train-00000-of-00001.parquet", [0, 1] * 5, names=["cat", "dog"])
    make_parquet(tmp_path / "test-00000-of-00001.parquet", [0, 1] * 5, names=["dog", "cat"])
    message = refused(parquet_config(tmp_path))
    assert "the test split of" in message
    assert "has the classes dog, cat, but the training images have cat, dog" in message


def test_an_empty_split(tmp_path: Path) -> None:
    make_parquet(tmp_path / "train-00000-of-00001.parquet", [0, 1] * 5)
    make_parquet(tmp_path / "test-00000-of-00001.parquet", [])
    assert f"the test split of {tmp_path} has no images" in refused(parquet_config(tmp_path))


def test_two_folders_for_one_split(tmp_path: Path) -> None:
    for split in ("train", "val", "valid"):
        make_folder(tmp_path / split, {"cat": 5, "dog": 5})
    assert "both hold the validation split" in refused(folder_config(tmp_path))


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_outside_the_classes(tmp_path: Path, label: int) -> None:
    make_parquet(tmp_path / "train-00000-of-00001.parquet", [0, 1] * 5 + [label], names=["cat", "dog"])
    message = refused(parquet_config(tmp_path))
    assert f"train row 10 of {tmp_path} has label {label}" in message
    assert "labels 0 to 1" in message


@pytest.mark.parametrize(
    ("columns", "missing"), [(("picture", "label"), "no column image"), (("image", "class"), "no column label")]
)
def test_other_columns(tmp_path: Path, columns: tuple[str, str], missing: str) -> None:
    make_parquet(tmp_path / "train-00000-of-00001.parquet", [0, 1] * 5, columns=columns)
    assert missing in refused(parquet_config(tmp_path))


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    (tmp_path / "train-00000-of-00001.parquet").write_bytes(b"PAR1 cut off")
    assert "cannot read" in refused(parquet_config(tmp_path))


def test_without_pyarrow_the_command_that_installs_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_parquet(tmp_path / "train-00000-of-00001.parquet", [0, 1] * 5)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(NotInstalledError, match=r"pip install .*\[parquet\]"):
        load_data(parquet_config(tmp_path))


def test_damaged_images_are_counted_and_refused_by_name(tmp_path: Path) -> None:
    make_folder(tmp_path, {"cat": 9, "dog": 9})
    (tmp_path / "cat" / "03.png").write_bytes(encoded(3)[:60])
    (tmp_path / "dog" / "04.png").write_text("no image")
    message = refused(folder_config(tmp_path))
    assert "2 of 18 images cannot be read" in message
    assert "cat/03.png (image file is truncated" in message
    assert "dog/04.png (no image of a known format)" in message
    assert 'on_corrupt = "skip"' in message


def test_what_follows_a_damaged_image_keeps_its_label(tmp_path: Path) -> None:
    make_folder(tmp_path, {"cat": 9, "dog": 9})
    for path in ("cat/01.png", "cat/05.png", "dog/00.png"):
        (tmp_path / path).write_bytes(b"")
    splits = load_data(folder_config(tmp_path, on_corrupt="skip"))
    for part in (splits.train, splits.validation, splits.test):
        assert torch.equal((part.images[:, 0, 0, 0] >= 100).long(), part.labels)


@pytest.mark.parametrize(("largest", "size"), [(8, 8), (64, 18)])
def test_images_are_kept_no_larger_than_they_are(tmp_path: Path, largest: int, size: int) -> None:
    make_folder(tmp_path, {"cat": 4, "dog": 4})
    picture(1, (30, 18)).save(tmp_path / "dog" / "larger.png")
    (tmp_path / "dog" / "damaged.png").write_bytes(b"")
    config = DataConfig(kind="folder", path=tmp_path, image_size=largest, on_corrupt="skip")
    assert load_data(config).train.image_size == size


def test_a_corrupt_image_is_skipped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_folder(tmp_path, {"cat": 9, "dog": 9})
    (tmp_path / "cat" / "03.png").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        splits = load_data(folder_config(tmp_path, on_corrupt="skip"))
    assert splits.counts["skipped"] == 1
    assert sum(splits.counts.values()) == 18
    assert splits.skipped == ("cat/03.png",)
    assert "cat/03.png" in caplog.text


def test_a_class_that_is_all_corrupt(tmp_path: Path) -> None:
    make_folder(tmp_path, {"cat": 9, "dog": 9})
    for path in (tmp_path / "dog").iterdir():
        path.write_bytes(b"")
    assert "class 'dog'" in refused(folder_config(tmp_path, on_corrupt="skip"))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"]), st.data())
def test_damaged_bytes_are_read_or_counted(kind: str, data: st.DataObject) -> None:
    content = bytearray(encoded(77, kind))
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    part = Part(np.zeros(1, np.int64), ["it"], lambda _: Image.open(io.BytesIO(cut)))
    decoded = decode(part, np.arange(1), np.empty((1, 8, 8, 3), np.uint8))
    assert len(decoded.rows) + len(decoded.damaged) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "zip"},
        {"kind": "folder"},
        {"path": "somewhere"},
        {"name": "CIFAR10"},
        {"kind": "torchvision", "name": "CIFAR10"},
        {"kind": "torchvision", "path": "somewhere"},
        {"kind": "huggingface"},
        {"kind": "huggingface", "name": "a/b", "path": "somewhere"},
        {"kind": "huggingface", "path": "somewhere", "download": True},
        {"kind": "folder", "path": "somewhere", "label_column": "fine_label"},
        {"image_size": 4},
        {"image_size": 5000},
        {"train_limit": 1},
        {"validation_fraction": 0.9},
        {"on_corrupt": "ignore"},
        {"colour": "grey"},
    ],
)
def test_the_configuration_is_validated(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DataConfig(**wrong)


def test_a_limit_below_the_number_of_classes() -> None:
    assert "allowed: 10 to 1298" in refused(DataConfig(train_limit=5))
