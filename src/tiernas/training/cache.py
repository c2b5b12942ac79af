"""Decoded data sets on disk, so that only the first worker process has to decode."""

from __future__ import annotations

import csv
import hashlib
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tiernas.errors import UsageError
from tiernas.image_files import files_below
from tiernas.standalone.preprocessing import Pixels
from tiernas.storage import read_tensors, write_tensors
from tiernas.training.data_config import DataConfig
from tiernas.training.images import ImageSet, Splits
from tiernas.training.memory import machine_memory_bytes
from tiernas.training.once import made_once
from tiernas.training.sources.catalogue import SOURCES
from tiernas.training.stored_pixels import PixelFile, ReadAhead

_FORMAT = 3
"""Increased when the same files would be decoded or split differently, or stored in another format."""

_PARTS = ("train", "validation", "test")

_SHARE = 0.5
"""Fraction of the machine's memory that decoded images may take; the rest is for the training runs on it."""

_log = logging.getLogger(__name__)


class Room(Protocol):
    """The storage a data set is decoded to."""

    def pixels(self, part: str, shape: tuple[int, ...]) -> Pixels:
        """An array for the pixels of a split, `(n, size, size, 3)`."""
        ...

    def record(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        """Records split, image and class of every image, and the name and reason of everything unused."""
        ...


class DataCache:
    """A folder of decoded data sets: one file of pixels for each split and one for the rest, named by their content.

    A CSV file beside them lists which image is in which split.

    Pixels are memory-mapped: processes on one machine share them, and splits that are not read take no memory. If they
    exceed the machine's memory, they are read from disk shortly before they are needed. Old files are never removed;
    the folder can be deleted at any time.

    Args:
        folder: The folder of the files; created when the first is written.
        memory_bytes: Memory of this machine; if None, as detected.
    """

    def __init__(self, folder: Path, memory_bytes: int | None = None) -> None:
        self._folder = folder
        self._room_bytes = _SHARE * (machine_memory_bytes() if memory_bytes is None else memory_bytes)

    def get(self, config: DataConfig, load: Callable[[DataConfig, Room], Splits]) -> Splits:
        """The data set of a configuration: from its files if they exist, else from `load`.

        If several processes ask at the same time, one loads and the others wait for its files.

        Raises:
            UsageError: From `load`; or the folder cannot be written to, or the disk is full.
        """
        path = self._folder / f"data-{_key(config)}.safetensors"
        return made_once(path, self._read, lambda: _loaded(config, load, _Files(path)), _write)

    def _read(self, path: Path) -> Splits | None:
        if (stored := read_tensors(path)) is None:
            return None
        labels, facts = stored
        classes, size = tuple(facts["classes"]), facts["image_size"]
        shapes = {name: (len(labels[name]), size, size, 3) for name in _PARTS}
        wanted = sum(map(math.prod, shapes.values()))
        fits = wanted <= self._room_bytes
        parts: dict[str, ImageSet] = {}
        for name, shape in shapes.items():
            file = _pixels_of(path, name)
            if (pixels := PixelFile(file).map(shape)) is None:
                return None
            ask_for = None if fits or not hasattr(os, "posix_fadvise") else ReadAhead(file, math.prod(shape[1:]))
            parts[name] = ImageSet(pixels.permute(0, 3, 1, 2), labels[name], classes, ask_for)
        if not fits:
            _log.warning(
                "the decoded images take %.1f GB, more than half of this machine's memory: they are read from disk",
                wanted / 1e9,
            )
        skipped, notes = tuple(facts["skipped"]), tuple(facts["notes"])
        return Splits(**parts, flip_safe=facts["flip_safe"], skipped=skipped, digest=facts["digest"], notes=notes)


def _loaded(config: DataConfig, load: Callable[[DataConfig, Room], Splits], room: _Files) -> Splits:
    try:
        return load(config, room)
    except BaseException:
        room.clear()
        raise


class _Files:
    """Storage on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pixels(self, part: str, shape: tuple[int, ...]) -> Pixels:
        file = _pixels_of(self._path, part)
        with _explaining_os_errors(file):
            file.unlink(missing_ok=True)  # processes that have mapped the old file keep it
            return PixelFile(file).create(shape)

    def clear(self) -> None:
        """Removes the pixels of refused data."""
        for part in _PARTS:
            _pixels_of(self._path, part).unlink(missing_ok=True)

    def record(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        file = self._path.with_suffix(".splits.csv")
        with _explaining_os_errors(file), file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            writer.writerow(("part", "image", "class", "reason it is not used"))
            writer.writerows(rows)


@contextmanager
def _explaining_os_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error}; free some space or choose another folder") from error


def _pixels_of(path: Path, part: str) -> Path:
    return path.with_suffix(f".{part}.pixels")


def _key(config: DataConfig) -> str:
    path = config.path and config.path.absolute()  # as workers on other machines get it
    sha = hashlib.sha256(f"{_FORMAT} {config.model_copy(update={'path': path}).model_dump_json()}".encode())
    for fact in _facts(None if config.name else config.path):  # a published set does not change
        sha.update(repr(fact).encode())
    if config.kind not in SOURCES.built_in and (offer := SOURCES.offer_of(SOURCES.load(config.kind))):
        sha.update(offer.version.encode())
    return sha.hexdigest()[:16]


def _facts(root: Path | None) -> Iterator[tuple[object, ...]]:
    """What decoding depends on: name, size and modification time of every file below a folder, and empty folders."""
    if root is None or not root.exists():
        return
    if not root.is_dir():  # a file that a plug-in reads
        yield root.stat().st_size, root.stat().st_mtime_ns
        return
    listing = files_below(root, root)
    for path in listing.files:
        status = path.stat()
        yield os.fspath(path.relative_to(root)), status.st_size, status.st_mtime_ns
    for item in listing.passed_over:
        yield item.name, item.reason, item.kind


def _write(path: Path, splits: Splits) -> None:
    """Writes everything but the pixels, which are there already; this makes the data set complete."""
    facts = {
        "classes": splits.classes,
        "image_size": splits.train.image_size,
        "flip_safe": splits.flip_safe,
        "skipped": splits.skipped,
        "digest": splits.digest,
        "notes": splits.notes,
    }
    for name in _PARTS:
        with _pixels_of(path, name).open("rb+") as file:
            os.fsync(file.fileno())
    write_tensors(path, {name: getattr(splits, name).labels for name in _PARTS}, facts)
