"""One measurement at a time per device, across processes and users."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tiernas.errors import UsageError

_log = logging.getLogger(__name__)
_SILENT_WAIT_S = 1.0
"""Waiting longer than this for another measurement is logged."""

_AGAIN_S = 600.0
"""Minimum time between two such log messages: a table may wait for each of its networks."""

_POLL_S = 0.05
"""Time between two attempts."""

_SHARED_FOLDER = Path("/tmp")
"""The same for all users of a machine, unlike TMPDIR."""


@contextlib.contextmanager
def device_lock(device_slug: str) -> Iterator[None]:
    """Waits until no other process measures on the device, whoever started it, then holds the lock.

    The lock is reentrant within one thread. The system releases it when a process dies.

    Args:
        device_slug: `Fingerprint.device_slug`.

    Raises:
        UsageError: The lock's file cannot be opened, or its file system has no locks.
    """
    with _locks_guard:
        lock = _locks.setdefault(device_slug, _Lock(lock_path(device_slug)))
    with lock:
        yield


def lock_path(device_slug: str) -> Path:
    """The file that is locked while somebody measures on a device."""
    shared = os.name == "posix" and os.access(_SHARED_FOLDER, os.W_OK | os.X_OK)
    return (_SHARED_FOLDER if shared else Path(tempfile.gettempdir())) / f"tiernas-{device_slug}.lock"


class _Lock:
    """A lock on a file; a context manager that can be entered again by the thread that holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = threading.RLock()
        self._times = 0
        self._descriptor = -1
        self._logged_at = -math.inf

    def __enter__(self) -> None:
        self._thread.acquire()
        try:
            if not self._times:
                self._descriptor = self._acquired()
        except BaseException:
            self._thread.release()
            raise
        self._times += 1

    def __exit__(self, *_: object) -> None:
        self._times -= 1
        if not self._times:
            os.close(self._descriptor)
        self._thread.release()

    def _acquired(self) -> int:
        """A descriptor that holds the lock until it is closed."""
        try:
            with contextlib.ExitStack() as stack:
                descriptor = _open(self._path)
                stack.callback(os.close, descriptor)
                begin = time.monotonic()
                while not _try_lock(descriptor):
                    self._log_waiting(time.monotonic() - begin)
                    time.sleep(_POLL_S)
                stack.pop_all()
                return descriptor
        except OSError as error:
            raise UsageError(
                f"{self._path}: cannot be locked ({error}), so two measurements could disturb each other; remove the "
                "file, or make its folder writable"
            ) from error

    def _log_waiting(self, waited_s: float) -> None:
        now = time.monotonic()
        if waited_s >= _SILENT_WAIT_S and now - self._logged_at >= _AGAIN_S:
            _log.info("waiting: another process is measuring on this device (%s)", self._path)
            self._logged_at = now


_locks: dict[str, _Lock] = {}
_locks_guard = threading.Lock()


if sys.platform == "win32":
    import msvcrt

    def _open(path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT)

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _open(path: Path) -> int:
        """A descriptor of the file, which any user may have created.

        Reading it suffices for a lock. An existing file is opened without O_CREAT, which Linux refuses for the file of
        another user in a sticky folder (fs.protected_regular).
        """
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
            os.fchmod(descriptor, 0o644)  # whatever the umask is
            return descriptor
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
