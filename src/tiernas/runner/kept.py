"""Files that were sent to the device, kept by their content: a network is sent once, however often it is measured."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import reprlib
import shutil
import uuid
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from tiernas.errors import UsageError

_GREATEST_BYTES = 4 * 2**30
"""Maximum size of all files: some hundred networks of `gpunet`; the least recently used ones are removed first."""

_CHUNK_BYTES = 2**20
_DIGEST = re.compile("[0-9a-f]{64}")


class KeptFiles:
    """The files of a folder, each under its SHA-256; several processes can use it at once.

    Args:
        folder: Where they are; created with the first one.
        greatest_bytes: Maximum size of all of them.
    """

    def __init__(self, folder: Path, greatest_bytes: int = _GREATEST_BYTES) -> None:
        self.folder = folder
        self._files = folder / "files"
        self._greatest_bytes = greatest_bytes

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Those of some files that must be sent; a damaged one is removed and counts as missing."""
        return [digest for digest in digests if not self._is_whole(digest)]

    def path(self, digest: str) -> Path:
        """A file.

        Raises:
            UsageError: It is not kept.
        """
        path = self._files / _checked(digest)
        try:
            os.utime(path)
        except OSError as error:
            raise UsageError(f"file {digest} is not kept on this device; send it first") from error
        return path

    def receive(self, source: BinaryIO, size: int, digest: object) -> None:
        """Reads a file from a stream to its end and keeps it.

        Args:
            source: The stream, which goes on behind the file even if the file cannot be kept.
            size: Size of the file, in bytes.
            digest: Its SHA-256.

        Raises:
            UsageError: The folder cannot be written, the disk is full, or the content has another digest.
            EOFError: The stream ends before the file does.
        """
        new = self._files / f".{uuid.uuid4().hex}.tmp"
        try:
            problem, found = self._store(new, source, size)
            if problem is not None:
                raise problem
            if found != _checked(digest):
                raise UsageError(f"a file arrived damaged: its SHA-256 is {found}, not {digest}")
            new.replace(self._files / found)
            self._shrink(found)
        except OSError as error:
            raise UsageError(
                f"cannot keep a file of {size / 1e6:.1f} MB in {self._files} on this device: {error}; free some space "
                "there"
            ) from error
        finally:
            _remove(new)

    def forget(self) -> None:
        """Removes the folder with everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _store(self, path: Path, source: BinaryIO, size: int) -> tuple[OSError | None, str]:
        """Writes what a stream has; returns why that failed, if it did, and the SHA-256 of all that was read."""
        sha = hashlib.sha256()
        file: FileIO | None = None
        problem: OSError | None = None
        with contextlib.ExitStack() as stack:
            try:
                self._files.mkdir(mode=0o700, parents=True, exist_ok=True)
                file = stack.enter_context(path.open("wb", buffering=0))
            except OSError as error:
                problem = error
            while size:
                chunk = source.read(min(size, _CHUNK_BYTES))
                if not chunk:
                    raise EOFError
                size -= len(chunk)
                sha.update(chunk)
                if file is not None and problem is None:
                    problem = _write(file, chunk)
        return problem, sha.hexdigest()

    def _is_whole(self, digest: str) -> bool:
        path = self._files / _checked(digest)
        sha = hashlib.sha256()
        try:
            with path.open("rb") as file:
                for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
                    sha.update(chunk)
        except OSError:
            return False
        if sha.hexdigest() == digest:
            return True
        _remove(path)
        return False

    def _shrink(self, newest: str) -> None:
        """Removes the least recently used files until the rest fits; the newest one stays."""
        found = []
        for path in self._files.iterdir():
            with contextlib.suppress(OSError):  # another process removed it
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        held = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if held <= self._greatest_bytes:
                return
            if path.name != newest:
                _remove(path)
                held -= size


def cache_folder() -> Path:
    """`tiernas/runner` in the user's cache: $XDG_CACHE_HOME, or ~/.cache if that is not an absolute path.

    Raises:
        UsageError: The user has neither.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():
        try:
            cache = Path.home() / ".cache"
        except RuntimeError as error:
            raise UsageError("this user has no home folder on the device; set XDG_CACHE_HOME there") from error
    return cache / "tiernas" / "runner"


def _checked(digest: object) -> str:
    """A digest that can be the name of a file.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise UsageError(f"sha256 = {reprlib.repr(digest)}: must be 64 hexadecimal digits")
    return digest


def _write(file: FileIO, chunk: bytes) -> OSError | None:
    """Writes all of a chunk; returns the error if that is impossible."""
    view = memoryview(chunk)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError as error:
        return error
    return None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
