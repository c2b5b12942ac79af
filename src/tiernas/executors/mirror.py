"""Checkpoints on storage that every node sees but that is not a mounted folder: S3, GCS, whatever fsspec opens."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import shutil
import uuid
from collections.abc import Iterator, Set
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from tiernas.executors.remote_files import RemoteFiles
from tiernas.temporary import owned_folder
from tiernas.training.checkpoint import CURRENT, WEIGHTS

_TEMPORARY = "tiernas-checkpoints-"
"""Prefix of local folders; remains of killed processes are removed."""

_log = logging.getLogger(__name__)


def is_url(place: str) -> bool:
    """Whether checkpoints are at an fsspec URL, and not in a folder."""
    return "://" in place


@contextmanager
def local_copy(place: str) -> Iterator[Path]:
    """The folder of a training run: itself, or a temporary copy of what is stored at a URL.

    Args:
        place: A path or an fsspec URL.

    Raises:
        UsageError: The URL cannot be opened.
        UnreachableError: Its storage does not answer.
    """
    if not is_url(place):
        yield Path(place)
        return
    with CheckpointMirror(place) as mirror:
        yield mirror.folder


def remove_checkpoints(place: str) -> None:
    """Removes what a training run keeps in a folder or at an fsspec URL, if anything; tries once.

    Raises:
        UsageError: The URL cannot be opened.
        UnreachableError: Its storage does not answer.
    """
    if not is_url(place):
        shutil.rmtree(place, ignore_errors=True)
        return
    files = RemoteFiles(place, waits_s=())
    with suppress(FileNotFoundError):
        files.rm(files.root, recursive=True)


class CheckpointMirror:
    """A temporary local folder of one training run, and its copy at a URL.

    A file is stored as `NAME.safetensors`, then `NAME.json` with its size and SHA-256. A file without such a note, or
    with one that does not match, is incomplete or damaged and is not used; it is removed once a complete one has
    replaced it. No name is used twice, so a complete file is never overwritten, even if two workers train the same
    candidate. The storage needs no renaming, and none of its operations has to be atomic.

    Used as a context manager: entering it fetches the newest complete files.

    Args:
        url: A URL for this training run alone; credentials come from the environment, as each fsspec filesystem
            documents.
        folder: The local folder, which is not removed; a temporary one by default.
        last_epoch: Later checkpoints are not used, nor is complete training; None for no limit.

    Attributes:
        folder: The local folder, which exists inside the context.

    Raises:
        UsageError: The URL cannot be opened.
        UnreachableError: Also from every method: its storage does not answer.
    """

    folder: Path

    def __init__(self, url: str, folder: Path | None = None, *, last_epoch: int | None = None) -> None:
        self._files = RemoteFiles(url)
        self._root = self._files.root
        self._given = folder
        self._last_epoch = last_epoch

    def __enter__(self) -> Self:
        self._open_folder = ExitStack()
        self.folder = self._given or self._open_folder.enter_context(owned_folder(_TEMPORARY))
        self.folder.mkdir(exist_ok=True)
        self._without_note = self._cut_off()
        self._weights: str | None = None
        self._checkpoint: str | None = None
        if self._last_epoch is None:
            self._weights = self._fetched("weights", WEIGHTS)
        if self._weights is None:
            self._checkpoint = self._fetched("checkpoint", CURRENT)
        return self

    def __exit__(self, *_: object) -> None:
        self._open_folder.close()

    def save(self, epochs: int) -> None:
        """Stores the checkpoint written after this many epochs, and removes all but it and the previous complete one.

        Raises:
            OSError: The storage reports another size for it.
        """
        before, self._checkpoint = self._checkpoint, self._store(self.folder / CURRENT, f"checkpoint-{epochs:06d}")
        self._remove_all("checkpoint", {before, self._checkpoint})

    def finish(self) -> None:
        """Stores the weights of complete training, unless they are stored already, and removes everything else.

        Raises:
            OSError: The storage does not return what was written; everything else is kept.
        """
        if self._weights is None:
            stored = self._store(self.folder / WEIGHTS, "weights")
            with owned_folder(_TEMPORARY) as folder:
                if not self._fetch(stored, folder / WEIGHTS):
                    raise OSError(errno.EIO, f"{stored}: the storage does not return what was written")
            self._weights = stored
        self._remove_all("weights", {self._weights})
        self._remove_all("checkpoint", set())

    def _store(self, path: Path, name: str) -> str:
        stored = f"{self._root}/{name}-{uuid.uuid4().hex[:8]}"
        note = {"size": path.stat().st_size, "sha256": _sha256(path)}
        self._files.makedirs(self._root, exist_ok=True)
        self._files.put_file(str(path), f"{stored}.safetensors")
        self._files.invalidate_cache()
        if (size := self._files.size(f"{stored}.safetensors")) not in (None, note["size"]):
            raise OSError(errno.EIO, f"{stored}: the storage has {size} of {note['size']} bytes that were written")
        self._files.pipe_file(f"{stored}.json", json.dumps(note).encode())
        return stored

    def _names(self, suffix: str) -> list[str]:
        """The names of everything stored with a suffix, without it."""
        self._files.invalidate_cache()
        try:
            names = self._files.ls(self._root, detail=False)
        except FileNotFoundError:
            return []
        return [name.removesuffix(suffix) for name in names if name.endswith(suffix)]

    def _cut_off(self) -> set[str]:
        """Files without a note: their writer was killed, or is writing now."""
        return set(self._names(".safetensors")) - set(self._names(".json"))

    def _stored(self, kind: str) -> list[str]:
        """Files of a kind that have a note, newest first."""
        return sorted((name for name in self._names(".json") if _base(name).startswith(kind)), reverse=True)

    def _fetched(self, kind: str, name: str) -> str | None:
        """The newest complete file of a kind, which is now in the local folder."""
        useful = (s for s in self._stored(kind) if self._last_epoch is None or _epoch(s) <= self._last_epoch)
        return next((stored for stored in useful if self._fetch(stored, self.folder / name)), None)

    def _fetch(self, stored: str, path: Path) -> bool:
        """Copies a file here if it is complete."""
        try:
            note = self._files.cat_file(f"{stored}.json")
            self._files.get_file(f"{stored}.safetensors", str(path))
        except FileNotFoundError:
            path.unlink(missing_ok=True)
            return False
        if _note(note) == {"size": path.stat().st_size, "sha256": _sha256(path)}:
            return True
        _log.warning("%s is damaged; it is not used", stored)
        path.unlink()
        return False

    def _remove_all(self, kind: str, kept: Set[str | None]) -> None:
        """Removes the files of a kind except some, and those of all kinds that had no note then and have none now."""
        for stored in self._stored(kind):
            if stored not in kept:
                self._remove(stored)
        for stored in self._without_note & self._cut_off():
            self._remove(stored)
        self._without_note = set()

    def _remove(self, stored: str) -> None:
        for suffix in (".json", ".safetensors"):
            if self._files.exists(stored + suffix):
                with suppress(FileNotFoundError):  # another process was faster
                    self._files.rm_file(stored + suffix)


def _base(stored: str) -> str:
    return stored.rpartition("/")[2]


def _epoch(stored: str) -> int:
    """The epoch in the name of a checkpoint; 0 if there is none."""
    number = _base(stored).partition("-")[2].partition("-")[0]
    return int(number) if number.isdecimal() and number.isascii() else 0


def _note(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
