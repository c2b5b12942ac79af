"""Files that several processes need and only one should make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from tiernas.errors import UsageError

T = TypeVar("T")


def made_once(
    path: Path, read: Callable[[Path], T | None], make: Callable[[], T], write: Callable[[Path, T], None]
) -> T:
    """The contents of a file, which is made first if it does not exist.

    If several processes ask at the same time, one makes it and the others wait for its file. All of them read the file,
    so the contents of a mapped file are in memory only once.

    Args:
        path: The file; its folder is created.
        read: Returns the contents; None if the file is missing or damaged.
        make: Makes the contents.
        write: Writes them.

    Raises:
        UsageError: From `make` or `write`; or the folder cannot be written to.
    """
    if (found := read(path)) is not None:
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_suffix(".lock"))
        lock.acquire()
    except OSError as error:
        raise UsageError(f"cannot write the data cache {path.parent}: {error}; choose another folder") from error
    try:
        if (found := read(path)) is not None:
            return found
        made = make()
        write(path, made)
        found = read(path)
        return made if found is None else found
    finally:
        lock.release()
