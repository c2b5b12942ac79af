"""Parquet files as the `datasets` library writes them: `image` = struct{bytes, path}, `label` = integer."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tiernas.errors import NotInstalledError, UsageError
from tiernas.training.sources.source import (
    SPLIT_NAMES,
    IntArray,
    Part,
    Source,
    open_stored,
    require_classes,
    require_labels,
)

_FILE = re.compile(rf"({'|'.join(SPLIT_NAMES)})-(\d+)-of-(\d+)(?:-[0-9a-f]+)?\.parquet")
_LAYOUT = "files named like train-00000-of-00001.parquet, with columns image (struct of bytes and path) and label"

_log = logging.getLogger(__name__)


def open_source(root: Path) -> Source:
    """Reads the encoded images and labels of a folder of parquet files.

    Raises:
        UsageError: No such files, a file that is damaged or has other columns, or labels outside the classes.
        NotInstalledError: pyarrow is not installed.
    """
    files = _split_files(root)
    if "train" not in files:
        raise UsageError(f"data.path: no training images in {root}; it should hold {_LAYOUT}")
    tables = {name: _read(paths) for name, paths in files.items()}
    classes = _class_names(tables["train"]) or _numbered(tables.values())
    for name, table in tables.items():
        require_classes(_class_names(table) or classes, classes, name, root)
    parts = {name: _part(table, name, root, classes) for name, table in tables.items()}
    return Source(classes, parts["train"], parts.get("validation"), parts.get("test"))


def _split_files(root: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(root.iterdir()):
        if match := _FILE.fullmatch(path.name):
            found.setdefault(SPLIT_NAMES[match[1]], []).append(path)
    for name, paths in found.items():
        stated = int(_FILE.fullmatch(paths[0].name)[3])  # type: ignore[index]  # all of `paths` matched above
        if len(paths) != stated:
            _log.warning("%s: %d of the %d files of the %s split are there", root, len(paths), stated, name)
    return found


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
        if label is None or not pyarrow.types.is_integer(label) or table["label"].null_count:
            raise UsageError(f"data.path: {path} has no integer label for each image; there should be {_LAYOUT}")
        tables.append(table.select(["image", "label"]))
    return pyarrow.concat_tables(tables, promote_options="permissive")


def _class_names(table: Any) -> tuple[str, ...] | None:
    """Names from the metadata that `datasets` writes; None where there are none."""
    text = (table.schema.metadata or {}).get(b"huggingface")
    if text is None:
        return None
    names = json.loads(text).get("info", {}).get("features", {}).get("label", {}).get("names")
    return None if names is None else tuple(str(name) for name in names)


def _numbered(tables: Iterable[Any]) -> tuple[str, ...]:
    return tuple(map(str, range(1 + max(int(_labels(table).max(initial=-1)) for table in tables))))


def _labels(table: Any) -> IntArray:
    return np.asarray(table["label"].to_numpy(), dtype=np.int64)


def _part(table: Any, split: str, root: Path, classes: tuple[str, ...]) -> Part:
    labels = _labels(table)
    names = [f"{split} row {row}" for row in range(len(labels))]
    require_labels(labels, names, classes, split, root)
    column = table["image"]

    def read(row: int) -> Image.Image:
        return open_stored(column[row].as_py())

    return Part(labels, names, read)
