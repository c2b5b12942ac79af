"""Things that several processes need and one should make."""

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
    """What a file holds; where there is none, it is made and kept.

    Of several processes that ask at the same time one makes it; the others wait for its file. All get what is read, so
    that what lies in a mapped file is in memory once.

    Args:
        path: The file; its folder is made.
        read: Gives what is in it; None where it is missing or damaged.
        make: Makes what should be in it.
        write: Writes it.

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
