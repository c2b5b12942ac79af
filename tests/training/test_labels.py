"""Labels as people write them, in every kind of source."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tiernas.errors import UsageError
from tiernas.training import DataConfig, Splits, load_data
from tiernas.training.sources.labels import Labelled, numbered, written_label


def encoded(seed: int) -> bytes:
    stored = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(stored, "PNG")
    return stored.getvalue()


def refused(config: DataConfig) -> str:
    with pytest.raises(UsageError) as caught:
        load_data(config)
    return str(caught.value)


def classes_and_counts(splits: Splits) -> tuple[tuple[str, ...], list[int]]:
    labels = np.concatenate([part.labels.numpy() for part in (splits.train, splits.validation, splits.test)])
    return splits.classes, np.bincount(labels).tolist()


# One label


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3), (np.int64(3), 3), ("3", "3"), (" cat\n", "cat"), ("a, b", "a, b")]
)
def test_labels_are_numbers_or_names(value: object, expected: object) -> None:
    found = written_label(value, "row 1", "column label")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "row 1 has no label in column label"),
        (float("nan"), "row 1 has no label"),
        ("", "row 1 has the label ''"),
        (" \n", "has the label"),
        ("cat\ndog", r"has the label 'cat\\ndog'"),
        ([1, 2], r"row 1 has 2 labels in column label, \[1, 2\]"),
        (np.array([0, 1, 1]), "has 3 labels"),
        ([], "has 0 labels"),
        (True, "has the label True"),
        (1.5, "has the label 1.5"),
        ({"a": 1}, "has the label {'a': 1}"),
        (2**63, "row 1 has the label 9223372036854775808 in column label, which no class has"),
        (np.uint64(2**64 - 1), "which no class has"),
        ("\ud800", r"has the label '\\ud800'"),
    ],
)
def test_what_is_no_label_is_refused(value: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        written_label(value, "row 1", "column label")


def test_names_that_look_like_numbers_are_names() -> None:
    labels = ["10", "9", "10", "2"]
    classes, found = numbered({"train": Labelled(labels, ["a", "b", "c", "d"])}, None, "set")
    assert classes == ("10", "2", "9")
    assert found["train"].tolist() == [0, 2, 0, 1]
    _, found = numbered({"train": Labelled(labels, ["a", "b", "c", "d"])}, ("2", "9", "10"), "set")
    assert found["train"].tolist() == [2, 1, 2, 0]


def test_names_mixed_with_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match=r"both names \(b: 'cat'\) and numbers \(a: 0\)"):
        numbered({"train": Labelled([0, "cat"], ["a", "b"])}, None, "set")


def test_numbers_with_gaps_do_not_make_a_million_classes() -> None:
    with pytest.raises(UsageError, match="has the label 1000000007 and 2 images"):
        numbered({"train": Labelled([0, 1_000_000_007], ["a", "b"])}, None, "set")


# Parquet


def parquet(root: Path, labels: Sequence[Any], split: str = "train", images: Sequence[Any] | None = None) -> DataConfig:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as pq

    rows = [{"bytes": encoded(i), "path": None} for i in range(len(labels))] if images is None else images
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    pq.write_table(pa.table({"image": pa.array(rows, kind), "label": labels}), root / f"{split}-00000-of-00001.parquet")
    return DataConfig(kind="parquet", path=root)


def test_names_in_parquet(tmp_path: Path) -> None:
    assert classes_and_counts(load_data(parquet(tmp_path, ["yak", "10", "9"] * 5))) == (("10", "9", "yak"), [5, 5, 5])


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 1, None] * 5, "train row 2 has no label in column label"),
        (["cat", "", "dog"] * 5, "train row 1 has the label ''"),
        ([[0], [1, 2]] * 5, "has no column label with one number or name"),
        ([0.5, 1.0] * 5, "has no column label with one number or name"),
        ([0, 1, 900] * 5, "has the label 900 and 15 images"),
    ],
)
def test_wrong_labels_in_parquet(tmp_path: Path, labels: list[Any], words: str) -> None:
    assert words in refused(parquet(tmp_path, labels))


@pytest.mark.parametrize("missing", [-1, None])
def test_a_parquet_test_part_without_labels_counts_as_none(tmp_path: Path, missing: int | None) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet(tmp_path, pa.array([missing] * 3, pa.int64()), "test")
    splits = load_data(parquet(tmp_path, [0, 1] * 6))
    assert splits.counts["test"] == 2
    assert splits.notes == ("skipped: splits without labels (1: 3 images 1): test split",)


def test_rows_without_an_image_are_counted_and_named(tmp_path: Path) -> None:
    images = [{"bytes": encoded(i), "path": None} for i in range(12)]
    images[3], images[7] = None, {"bytes": None, "path": None}  # type: ignore[call-overload]
    images[8] = {"bytes": b"", "path": None}
    message = refused(parquet(tmp_path, [0, 1] * 6, images=images))
    assert "3 of 12 images cannot be read" in message
    assert all(f"train row {row} (the row has no image)" in message for row in (3, 7, 8))


def test_paths_in_parquet_are_relative_to_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    for i in range(12):
        (tmp_path / "images" / f"{i}.png").write_bytes(encoded(i))
    config = parquet(tmp_path, [0, 1] * 6, images=[{"bytes": None, "path": f"images/{i}.png"} for i in range(12)])
    monkeypatch.chdir("/")
    assert load_data(config).counts["skipped"] == 0


@pytest.mark.parametrize(
    "metadata", ["{", "[]", '{"info": null}', '{"info": {"features": {"label": {"names": "ab"}}}}']
)
def test_damaged_names_of_classes_in_parquet(tmp_path: Path, metadata: str) -> None:
    config = parquet(tmp_path, [0, 1] * 5)
    import pyarrow.parquet as pq

    (path,) = tmp_path.glob("*.parquet")
    pq.write_table(pq.read_table(path).replace_schema_metadata({"huggingface": metadata}), path)
    assert "the metadata named huggingface" in refused(config)


def test_two_sets_of_files_are_refused_and_other_files_told(tmp_path: Path) -> None:
    config = parquet(tmp_path, [0, 1] * 6)
    (tmp_path / "train.parquet").write_bytes(b"")
    assert load_data(config).notes == (
        "skipped: not named like parquet files of a split (1: .parquet 1): train.parquet",
    )
    (tmp_path / "train-00000-of-00001.parquet").rename(tmp_path / "validation-00000-of-00001.parquet")
    parquet(tmp_path, [0, 1] * 6, "val")
    parquet(tmp_path, [0, 1] * 6)
    assert "several sets of files for the validation split" in refused(config)


# Hugging Face


def hugging_face(root: Path, kind: str = "", **splits: Sequence[Any]) -> DataConfig:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    features = {"image": datasets.Image()} | ({"label": datasets.Value(kind)} if kind else {})
    tables = {}
    for name, labels in splits.items():
        rows = {"image": [{"bytes": encoded(i), "path": None} for i in range(len(labels))], "label": list(labels)}
        table = datasets.Dataset.from_dict(rows)
        tables[name] = table.cast_column("image", features["image"])
        if kind:
            tables[name] = tables[name].cast_column("label", features["label"])
    datasets.DatasetDict(tables).save_to_disk(root)
    return DataConfig(kind="huggingface", path=root)


def test_names_in_hugging_face(tmp_path: Path) -> None:
    found = load_data(hugging_face(tmp_path, "string", training=["10", "9"] * 6, dev=["9"] * 3))
    assert classes_and_counts(found) == (("10", "9"), [6, 9])
    assert found.counts["validation"] == 3


def test_wrong_labels_and_splits_in_hugging_face(tmp_path: Path) -> None:
    assert "train row 1 has no label" in refused(hugging_face(tmp_path / "a", "int64", train=[0, None, 1] * 4))
    assert "train row 0 has 2 labels" in refused(hugging_face(tmp_path / "b", train=[[0, 1]] * 4))
    two = hugging_face(tmp_path / "c", "int64", train=[0, 1] * 6, valid=[0, 1], validation=[0, 1])
    assert "the splits valid and validation of 'c' are both the validation split" in refused(two)
    other = load_data(hugging_face(tmp_path / "d", "int64", train=[0, 1] * 6, extra=[0, 1]))
    assert other.notes == ("skipped: splits of other names (1: 2 rows 1): split extra",)


# WebDataset


def shard(path: Path, files: Sequence[tuple[str, bytes]]) -> DataConfig:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return DataConfig(kind="webdataset", path=path.parent)


def labelled(labels: Sequence[Any], suffix: str = "cls", key: str = "{:04}") -> list[tuple[str, bytes]]:
    files = []
    for i, label in enumerate(labels):
        text = json.dumps({"label": label}) if suffix == "json" else label
        files += [(f"{key.format(i)}.png", encoded(i)), (f"{key.format(i)}.{suffix}", str(text).encode())]
    return files


@pytest.mark.parametrize(
    ("suffix", "labels", "classes"),
    [
        ("cls", ["1", "0"], ("0", "1")),
        ("cls", ["10", "cat"], ("10", "cat")),
        ("json", ["10", "9"], ("10", "9")),
        ("json", [1, 0], ("0", "1")),
    ],
)
def test_digits_are_numbers_only_where_they_cannot_be_names(
    tmp_path: Path, suffix: str, labels: list[Any], classes: tuple[str, ...]
) -> None:
    found = load_data(shard(tmp_path / "train-0.tar", labelled(labels * 6, suffix)))
    assert classes_and_counts(found) == (classes, [6, 6])


@pytest.mark.parametrize(
    ("suffix", "label", "words"),
    [
        ("cls", "", "train-0.tar: 0000 has the label '' in its .cls"),
        ("cls", "1\n2", "train-0.tar: 0000 has the label"),
        ("json", None, "train-0.tar: 0000 has no label in its .json"),
        ("json", [1, 2], "train-0.tar: 0000 has 2 labels in its .json"),
        ("json", 0.5, "data: train-0.tar: 0000 has the label 0.5 in its .json; each image needs"),
        ("cls", "9" * 30, "train-0.tar: 0000 has the label 9999"),
        ("cls", "9" * 5000, "train-0.tar: 0000 has a damaged label"),
        ("json", "cat", "both names (train-0.tar: 0000: 'cat') and numbers (train-0.tar: 0001: 0)"),
    ],
)
def test_wrong_labels_in_shards(tmp_path: Path, suffix: str, label: Any, words: str) -> None:
    assert words in refused(shard(tmp_path / "train-0.tar", labelled([label, 0, 1, 0, 1], suffix)))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b'{"class": 1}', b"[]", b"7", b"[" * 100_000])
def test_label_files_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    suffix = "cls" if content == b"\xff\xfe" else "json"
    files = [*labelled([0, 1] * 5), ("bad.png", encoded(99)), (f"bad.{suffix}", content)]
    assert "train-0.tar: bad has " in refused(shard(tmp_path / "train-0.tar", files))


def test_keys_with_dots(tmp_path: Path) -> None:
    long_names = load_data(shard(tmp_path / "a" / "train-0.tar", labelled([0, 1] * 6, key="IMG.2020.{:02}")))
    assert sum(long_names.counts.values()) == 12
    fields = []
    for i in range(12):
        fields += [(f"{i}.photo.png", encoded(i)), (f"{i}.cls", b"%d" % (i % 2))]
    assert sum(load_data(shard(tmp_path / "b" / "train-0.tar", fields)).counts.values()) == 12
    masks = [*labelled([0, 1] * 6), ("0003.mask.png", encoded(77))]
    splits = load_data(shard(tmp_path / "c" / "train-0.tar", masks))
    assert sum(splits.counts.values()) == 12
    assert splits.notes == ("skipped: further images of samples (1): train-0.tar: 0003.mask.png",)


@pytest.mark.parametrize("names", [("a.one.png", "a.two.png"), ("a.png", "a.jpg")])
def test_several_images_of_one_label_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    files = [*labelled([0, 1] * 6), ("a.cls", b"0"), *[(name, encoded(9)) for name in names]]
    assert "train-0.tar: a has several images" in refused(shard(tmp_path / "train-0.tar", files))


@pytest.mark.parametrize("again", ["0003.png", "./0003.png", "0003.PNG", "0003.cls"])
def test_a_sample_that_stands_twice_is_named(tmp_path: Path, again: str) -> None:
    message = refused(shard(tmp_path / "train-0.tar", [*labelled([0, 1] * 6), (again, encoded(50))]))
    assert "train-0.tar: 0003." in message
    assert "occurs twice in this shard" in message


def test_what_is_no_sample_is_told(tmp_path: Path) -> None:
    files = [
        *labelled([0, 1] * 6),
        ("._0001.png", b"\0"),
        ("__MACOSX/0001.png", b"\0"),
        ("lone.cls", b"1"),
        ("README", b""),
    ]
    config = shard(tmp_path / "imagenet-train-000000.tar", files)
    shard(tmp_path / "more.tar", labelled([0, 1]))
    (tmp_path / "train-1.tar.gz").write_bytes(b"")
    (told,) = load_data(config).notes
    for words in (
        "tar files of no split (1: .tar 1): more.tar",
        "no tar files (1: .gz 1): train-1.tar.gz",
        "hidden (2): imagenet-train-000000.tar: ._0001.png, imagenet-train-000000.tar: __MACOSX/0001.png",
        "samples without an image (2: .cls 1): imagenet-train-000000.tar: lone, imagenet-train-000000.tar: README",
    ):
        assert words in told


def test_names_in_shards_that_are_no_utf8(tmp_path: Path) -> None:
    files = [(f"caf\udce9{name}", content) for name, content in labelled([0, 1] * 6)]
    config = shard(tmp_path / "train-0.tar", files)
    load_data(config, tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*.splits.csv")
    assert "train-0.tar: caf\\xe90003" in path.read_text(encoding="utf-8")


def test_labels_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    files = [(name, b"\xef\xbb\xbf" + text if name == "0000.cls" else text) for name, text in labelled([0, 1] * 6)]
    assert classes_and_counts(load_data(shard(tmp_path / "train-0.tar", files))) == (("0", "1"), [6, 6])


@pytest.mark.parametrize("name", ["", "."])
def test_files_of_shards_without_a_name_are_told(tmp_path: Path, name: str) -> None:
    (told,) = load_data(shard(tmp_path / "train-0.tar", [*labelled([0, 1] * 6), (name, b"x")])).notes
    assert "files of shards without a name (1)" in told


@pytest.mark.parametrize("content", [b"cat\n\ndog\n", b"\ncat\ndog", b"caf\xe9\ndog", b""])
def test_class_names_with_gaps_are_refused(tmp_path: Path, content: bytes) -> None:
    config = shard(tmp_path / "train-0.tar", labelled([0, 1] * 6))
    (tmp_path / "classnames.txt").write_bytes(content)
    assert "classnames.txt" in refused(config)
    (tmp_path / "classnames.txt").write_bytes(b"\xef\xbb\xbfcat\ndog\n\n")
    assert load_data(config).classes == ("cat", "dog")
