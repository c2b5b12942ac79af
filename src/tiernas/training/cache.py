"""Decoded data sets on disk, so that every worker process after the first starts at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tiernas.storage import read_tensors, write_tensors
from tiernas.training.data_config import DataConfig
from tiernas.training.images import ImageSet, Splits, channels_last
from tiernas.training.once import made_once

_FORMAT = 1
"""Goes up when the same files would be decoded or split to something else."""

_PARTS = ("train", "validation", "test")


class DataCache:
    """A folder of decoded data sets, one file each, named by what they were made from.

    Files are memory-mapped: processes on one machine share the pixels, and parts that are not looked at take no
    memory. Old files are never removed; the folder can be deleted at any time.

    Args:
        folder: Where the files lie; made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, config: DataConfig, load: Callable[[DataConfig], Splits]) -> Splits:
        """The data set of a configuration: from its file or, where there is none, from `load`.

        Of several processes that ask at the same time one loads; the others wait for its file.

        Raises:
            UsageError: From `load`; or the folder cannot be written to.
        """
        path = self._folder / f"data-{_key(config)}.safetensors"
        return made_once(path, _read, lambda: load(config), _write)


def _key(config: DataConfig) -> str:
    sha = hashlib.sha256(f"{_FORMAT} {config.model_dump_json()}".encode())
    for fact in _files(config.path):
        sha.update(repr(fact).encode())
    return sha.hexdigest()[:16]


def _files(root: Path | None) -> Iterator[tuple[str, int, int]]:
    """Name, size and time of change of every file below a folder, in the order of the names."""
    if root is None:
        return
    for folder, subfolders, names in os.walk(root, followlinks=True):
        subfolders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                status = os.stat(path)
                yield os.path.relpath(path, root), status.st_size, status.st_mtime_ns


def _write(path: Path, splits: Splits) -> None:
    tensors = {}
    for name in _PARTS:
        part: ImageSet = getattr(splits, name)
        tensors[f"{name}.images"] = part.images.permute(0, 2, 3, 1)  # NHWC: what channels-last memory is
        tensors[f"{name}.labels"] = part.labels
    facts = {
        "classes": splits.classes,
        "flip_safe": splits.flip_safe,
        "skipped": splits.skipped,
        "digest": splits.digest,
    }
    write_tensors(path, tensors, facts)


def _read(path: Path) -> Splits | None:
    if (stored := read_tensors(path)) is None:
        return None
    tensors, facts = stored
    classes = tuple(facts["classes"])
    train, validation, test = (
        ImageSet(channels_last(tensors[f"{name}.images"].permute(0, 3, 1, 2)), tensors[f"{name}.labels"], classes)
        for name in _PARTS
    )
    return Splits(train, validation, test, facts["flip_safe"], tuple(facts["skipped"]), facts["digest"])
