"""Temporary folders that are removed later if their writer is killed.

Whoever made one holds a lock on it, which the system frees when the process dies. What nobody holds was left behind.
Where there are no such locks (Windows, some network file systems) nothing is removed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def owned_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A new folder that counts as in use while the context lasts, and is removed at its end.

    Those of the same prefix that were left behind are removed first.

    Args:
        prefix: What its name begins with.
        parent: Where it is made; by default the system's folder for temporary files.

    Raises:
        OSError: It cannot be made.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    if fcntl is not None:
        _remove_abandoned(parent, prefix)
    while True:
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            holding = _hold(path)
        except (FileNotFoundError, BlockingIOError):  # it was taken for left behind before it was held
            continue
        if path.exists():
            break
        if holding is not None:
            os.close(holding)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if holding is not None:
            os.close(holding)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    """Removes what this user left behind; files too, as earlier versions made."""
    for path in [Path(entry) for entry in os.scandir(parent) if entry.name.startswith(prefix)]:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:  # it is gone, or somebody else's
            continue
        try:
            if os.fstat(descriptor).st_uid == os.geteuid() and _held(descriptor):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        except OSError:  # the folder is read-only
            continue
        finally:
            os.close(descriptor)


def _hold(folder: Path) -> int | None:
    """A descriptor that holds a folder until it is closed, where there are locks; None where the system has none.

    Raises:
        FileNotFoundError: It has been removed.
        BlockingIOError: Another process holds it, to remove it.
    """
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:  # a file system without locks, on which nobody removes it
        pass
    return descriptor


def _held(descriptor: int) -> bool:
    """Whether this process holds the lock from now on."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another one holds it, or there are no locks on this file system
        return False
    return True
