"""Temporary folders that are removed later if their writer is killed.

The creator of a folder holds a lock on it, which the system releases when the process dies. A folder without a holder
was abandoned. Without such locks (Windows, some network file systems) nothing is removed.
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
    """A new folder that counts as in use during the context and is removed at its end.

    Abandoned folders with the same prefix are removed first.

    Args:
        prefix: Beginning of its name.
        parent: Where it is created; by default the system's folder for temporary files.

    Raises:
        OSError: It cannot be created.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    if fcntl is not None:
        _remove_abandoned(parent, prefix)
    while True:
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            holding = _hold(path)
        except (FileNotFoundError, BlockingIOError):  # another process took it for abandoned before it was locked
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
    """Removes what this user's processes abandoned, including files, which earlier versions created."""
    for path in [Path(entry) for entry in os.scandir(parent) if entry.name.startswith(prefix)]:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:  # it is gone, or belongs to another user
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
    """A descriptor that holds the folder's lock until it is closed; None if the system has no locks.

    Raises:
        FileNotFoundError: The folder has been removed.
        BlockingIOError: Another process holds the folder in order to remove it.
    """
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:  # a file system without locks; nobody removes the folder there
        pass
    return descriptor


def _held(descriptor: int) -> bool:
    """Whether this process holds the lock from now on."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process holds it, or the file system has no locks
        return False
    return True
