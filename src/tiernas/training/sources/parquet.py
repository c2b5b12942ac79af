"""Parquet files as the `datasets` library writes them: `image` = struct{bytes, path}, `label` = integer or text."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

from PIL import Image

from tiernas.errors import NotInstalledError, UsageError
from tiernas.image_files import PassedOver, files_below, shown
from tiernas.training.data_config import DataConfig
from tiernas.training.sources.labels import lack, numbered, read_labels
from tiernas.training.sources.source import Part, Source, existing_folder, open_stored, require_classes
from tiernas.training.sources.split_names import SPLIT_NAMES

_FILE = re.compile(rf"({'|'.join(SPLIT_NAMES)})-(\d+)-of-(\d+)(?:-[0-9a-f]+)?\.parquet", re.IGNORECASE)
_LAYOUT = (
    "files named like train-00000-of-00001.parquet, with columns image (struct of bytes and path) and label (whole "
    "numbers, or names of classes)"
)

_log = logging.getLogger(__name__)


def open_source(config: DataConfig) -> Source:
    """Reads the encoded images and labels of a folder of parquet files.

    Raises:
        UsageError: There are no such files, too few or too many of a split, one is damaged or has other columns, a row
            has no label, or labels are outside the classes.
        NotInstalledError: pyarrow is not installed.
    """
    root = existing_folder(config.path)
    files, passed_over = _split_files(root)
    if "train" not in files:
        raise UsageError(f"data.path: no training images in {shown(root)}; it should hold {_LAYOUT}")
    tables = {name: _read(paths) for name, paths in files.items()}
    declared = _class_names(tables["train"], root)
    for name, table in tables.items():
        named = _class_names(table, root)
        if named != declared and None not in (named, declared):
            require_classes(named or (), declared or (), name, root)
    labelled = {}
    for name, table in tables.items():
        values = table["label"].to_pylist()
        if name != "train" and lack(values):
            passed_over += (PassedOver(f"{name} split", "splits without labels", f"{len(values)} images"),)
        else:
            labelled[name] = read_labels(values, name, "column label")
    classes, labels = numbered(labelled, declared, root)
    parts = {
        name: Part(labels[name], found.names, _Reader(tables[name]["image"], root)) for name, found in labelled.items()
    }
    return Source(classes, parts["train"], parts.get("validation"), parts.get("test"), passed_over=passed_over)


def _split_files(root: Path) -> tuple[dict[str, list[Path]], tuple[PassedOver, ...]]:
    listing = files_below(root, root)
    passed_over = list(listing.passed_over)
    found: dict[str, list[Path]] = {}
    for path in listing.files:
        match = _FILE.fullmatch(path.name)
        if match and path.parent == root:
            found.setdefault(SPLIT_NAMES[match[1].lower()], []).append(path)
        else:
            name = shown(path.relative_to(root))
            passed_over.append(PassedOver(name, "not named like parquet files of a split", shown(path.suffix.lower())))
    for split, paths in found.items():
        stated = {(match[1].lower(), int(match[3])) for path in paths if (match := _FILE.fullmatch(path.name))}
        if len(stated) > 1 or len(paths) > next(iter(stated))[1]:
            raise UsageError(
                f"data.path: {shown(root)} has several sets of files for the {split} split: "
                f"{', '.join(path.name for path in paths)}; keep one set"
            )
        ((_, count),) = stated
        if len(paths) < count:
            _log.warning("%s: only %d of the %d files of the %s split exist", shown(root), len(paths), count, split)
    return found, tuple(passed_over)


def _read(paths: list[Path]) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise NotInstalledError("pyarrow, which reads parquet files,", "parquet") from error
    tables = []
    for path in paths:
        try:
            table = pyarrow.parquet.read_table(path)
        except (OSError, pyarrow.ArrowInvalid) as error:
            raise UsageError(f"data.path: cannot read {path}: {error}") from error
        fields = {field.name: field.type for field in table.schema}
        image, label = fields.get("image"), fields.get("label")
        if image is None or not pyarrow.types.is_struct(image) or image.get_field_index("bytes") < 0:
            raise UsageError(f"data.path: {path} has no column image with bytes; there should be {_LAYOUT}")
        if label is None or not _is_label(label, pyarrow.types):
            raise UsageError(
                f"data.path: {path} has no column label with one number or name for each image; "
                f"there should be {_LAYOUT}"
            )
        tables.append(table.select(["image", "label"]))
    try:
        return pyarrow.concat_tables(tables, promote_options="permissive")
    except pyarrow.ArrowInvalid as error:
        raise UsageError(f"data.path: {paths[0]} and the other files of its split do not fit ({error})") from error


def _is_label(column: Any, types: Any) -> bool:
    kind = column.value_type if types.is_dictionary(column) else column
    return bool(types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind))


def _class_names(table: Any, root: Path) -> tuple[str, ...] | None:
    """Names from the metadata that `datasets` writes; None if there are none."""
    text = (table.schema.metadata or {}).get(b"huggingface")
    if text is None:
        return None
    try:
        names = json.loads(text).get("info", {}).get("features", {}).get("label", {}).get("names")
        if names is None:
            return None
        if not isinstance(names, list):
            raise TypeError(f"label.names = {names!r} is not a list")
        return tuple(str(name).encode().decode() for name in names)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"data.path: the metadata named huggingface in the parquet files of {shown(root)} cannot be read "
            f"({error}); rewrite the files, or remove it and write labels as names"
        ) from error


class _Reader:
    """Opens the images of a split, one by one; relative paths are relative to the folder of the files."""

    def __init__(self, column: Any, root: Path) -> None:
        self._column = column
        self._root = root

    def __call__(self, row: int) -> Image.Image:
        return open_stored(self._column[row].as_py(), self._root)
