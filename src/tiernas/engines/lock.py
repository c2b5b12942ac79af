"""One measurement at a time per device, across processes."""

from __future__ import annotations

import getpass
import logging
import math
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_log = logging.getLogger(__name__)
_SILENT_WAIT_S = 1.0
"""Waiting longer than this for another measurement is logged."""

_AGAIN_S = 600.0
"""Minimum time between two such log messages: a table may wait for each of its networks."""

_logged_at: dict[Path, float] = {}


@contextmanager
def device_lock(device_slug: str) -> Iterator[None]:
    """Waits until no other process of this user measures on the device, then holds the lock.

    The lock is reentrant within one process. The system releases it when a process dies.

    Args:
        device_slug: `Fingerprint.device_slug`.
    """
    path = lock_path(device_slug)
    lock = FileLock(path, is_singleton=True)
    try:
        lock.acquire(timeout=_SILENT_WAIT_S)
    except Timeout:
        if time.monotonic() - _logged_at.get(path, -math.inf) >= _AGAIN_S:
            _log.info("waiting: another process is measuring on %s (%s)", device_slug, path)
            _logged_at[path] = time.monotonic()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def lock_path(device_slug: str) -> Path:
    """The file that is locked while this user measures on a device."""
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()  # a container's user may have no name
    return Path(tempfile.gettempdir()) / f"tiernas-{user}-{device_slug}.lock"
