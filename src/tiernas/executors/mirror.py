"""Checkpoints on storage that every node sees and that is no mounted folder: S3, GCS, whatever fsspec opens."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import fsspec

from tiernas.errors import UsageError
from tiernas.training.checkpoint import CURRENT, WEIGHTS

_KEPT = 2
"""Checkpoints that are kept, as `CheckpointFolder` does: the last one and the one before it."""


def is_url(place: str) -> bool:
    """Whether checkpoints lie at an fsspec URL, and not in a folder."""
    return "://" in place


@contextmanager
def local_copy(place: str) -> Iterator[Path]:
    """The folder of a training: itself, or a temporary copy of what lies at a URL.

    Args:
        place: A path or an fsspec URL.

    Raises:
        UsageError: There is no way to the URL.
    """
    if not is_url(place):
        yield Path(place)
        return
    with CheckpointMirror(place) as mirror:
        yield mirror.folder


def remove_checkpoints(place: str) -> None:
    """Removes what a training keeps in a folder or at an fsspec URL, if there is anything.

    Raises:
        UsageError: There is no way to the URL.
    """
    if not is_url(place):
        shutil.rmtree(place, ignore_errors=True)
        return
    filesystem, root = _open(place)
    if filesystem.exists(root):
        filesystem.rm(root, recursive=True)


class CheckpointMirror:
    """A temporary local folder of one training, and its copy at a URL.

    A file is stored as `NAME.safetensors`, then `NAME.json` with its size and SHA-256. A file without such a note, or
    with one that it does not fit, was cut off while it was written and is not used. No name is used twice, so nothing
    that is whole is ever overwritten, even where two workers train the same candidate. Storage needs no renaming, and
    none of its operations has to be atomic.

    Used as a context manager: entering it fetches the newest whole files.

    Args:
        url: Of this training alone; credentials come from the environment, as each fsspec filesystem documents.
        folder: The local folder, which is left; a temporary one by default.

    Attributes:
        folder: The local folder, there while the context manager is entered.

    Raises:
        UsageError: The URL's protocol is not known, or its package is not installed.
    """

    folder: Path

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self._filesystem, self._root = _open(url)
        self._given = folder

    def __enter__(self) -> Self:
        self._open_folder = ExitStack()
        self.folder = self._given or Path(self._open_folder.enter_context(TemporaryDirectory(prefix="tiernas-")))
        self.folder.mkdir(exist_ok=True)
        for kind, name in (("weights", WEIGHTS), ("checkpoint", CURRENT)):
            if any(self._fetch(stored, self.folder / name) for stored in self._stored(kind)):
                break
        return self

    def __exit__(self, *_: object) -> None:
        self._open_folder.close()

    def save(self, epochs: int) -> None:
        """Stores the checkpoint that was written after so many epochs, and removes all but the last two."""
        self._store(self.folder / CURRENT, f"checkpoint-{epochs:06d}")
        for old in self._stored("checkpoint")[_KEPT:]:
            self._remove(old)

    def finish(self) -> None:
        """Stores the weights of a complete training, and removes its checkpoints."""
        if not self._stored("weights"):
            self._store(self.folder / WEIGHTS, "weights")
        for old in self._stored("checkpoint"):
            self._remove(old)

    def _store(self, path: Path, name: str) -> None:
        stored = f"{self._root}/{name}-{uuid.uuid4().hex[:8]}"
        note = {"size": path.stat().st_size, "sha256": _sha256(path)}
        self._filesystem.makedirs(self._root, exist_ok=True)
        self._filesystem.put_file(str(path), f"{stored}.safetensors")
        self._filesystem.pipe_file(f"{stored}.json", json.dumps(note).encode())

    def _stored(self, kind: str) -> list[str]:
        """Files of a kind that have a note, the newest first."""
        self._filesystem.invalidate_cache()
        try:
            names = self._filesystem.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        notes = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        return sorted((name for name in notes if name.rpartition("/")[2].startswith(kind)), reverse=True)

    def _fetch(self, stored: str, path: Path) -> bool:
        """Copies a file here if it is whole."""
        try:
            note = json.loads(self._filesystem.cat_file(f"{stored}.json"))
            self._filesystem.get_file(f"{stored}.safetensors", str(path))
        except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
            return False
        if note == {"size": path.stat().st_size, "sha256": _sha256(path)}:
            return True
        path.unlink()
        return False

    def _remove(self, stored: str) -> None:
        for suffix in (".json", ".safetensors"):
            if self._filesystem.exists(stored + suffix):
                self._filesystem.rm_file(stored + suffix)


def _open(url: str) -> tuple[Any, str]:
    try:
        filesystem, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UsageError(f"checkpoints {url}: {error}") from error
    return filesystem, str(root).rstrip("/")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
