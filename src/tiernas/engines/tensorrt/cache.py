"""Files that make TensorRT start faster the next time: engines, kernel timings, compiled kernels.

A file is used only if it is undamaged and was made for exactly the same purpose; otherwise it is recreated. The cache
is optional: if the folder is not writable, everything works but takes longer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

_log = logging.getLogger(__name__)

_GREATEST_BYTES = 8 * 2**30
"""Maximum size of the folder: the engines of some two hundred networks of `gpunet`; the least recently used are
removed first."""
_SILENT_WAIT_S = 1.0
"""Waiting longer than this for another process's build is logged."""
_LOCKS = 256
"""Number of lock files in the folder; keys are distributed among them."""
_LONGEST_HEADER_BYTES = 2**16
"""Maximum length of a header; with a longer first line, the file was not written by this cache."""


@dataclass(frozen=True, slots=True)
class CacheKey:
    """What the content of a file depends on.

    Attributes:
        kind: "engine", "timings" or "kernels".
        library: Name of the package that created it.
        version: Version of that package.
        device: The target GPU; "any" for an engine that runs on any GPU.
        network: Digest of the network with its weights, calibration and precision; "" for files shared by all networks.
    """

    kind: str
    library: str
    version: str
    device: str
    network: str = ""

    @property
    def digest(self) -> str:
        """32 hexadecimal digits; independent of the version, so that a newer file replaces an older one."""
        facts = asdict(self)
        del facts["version"]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


class TrtCache:
    """The cache folder; several processes can use it at once, even on several machines.

    Args:
        folder: Where the files are; `default_folder()` if None. It is created on the first write.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def path(self, key: CacheKey) -> Path:
        """The file of a key; it need not exist."""
        return self.folder / f"{key.digest}.{key.kind}"

    def get(self, key: CacheKey) -> bytes | None:
        """The content stored under a key; None, with one log line, if the file is no longer usable."""
        path = self.path(key)
        try:
            with path.open("rb") as file:
                header = _header(file.readline(_LONGEST_HEADER_BYTES))
                content = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            _log.info("%s: cannot be read (%s); it is recreated", path, error)
            return None
        reason = _reason_against(header, key, content)
        if reason:
            _log.info("%s: %s; it is recreated", path, reason)
            return None
        with contextlib.suppress(OSError):  # another user's file, or a read-only folder
            os.utime(path)
        return content

    def put(self, key: CacheKey, content: bytes) -> None:
        """Stores content; if that is impossible (full disk, read-only folder), it only logs a warning."""
        path = self.path(key)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        header = {**asdict(key), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        try:
            self._make_folder()
            with temporary.open("wb") as file:
                file.write(json.dumps(header).encode() + b"\n")
                file.write(content)  # not flushed to disk: truncation by a power failure is detected
            temporary.replace(path)
            self._shrink()
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            _log.warning("cannot store TensorRT %s in %s: %s; used now, recreated next time", key.kind, path, error)

    def get_or_make(self, key: CacheKey, make: Callable[[], bytes]) -> bytes:
        """The content stored under a key, created and stored if missing; only one process at a time creates it."""
        with self._locked(key):
            content = self.get(key)
            if content is None:
                content = make()
                self.put(key, content)
        return content

    @contextlib.contextmanager
    def _locked(self, key: CacheKey) -> Iterator[None]:
        path = self.folder / f"{int(key.digest, 16) % _LOCKS:02x}.lock"
        lock = FileLock(path, is_singleton=True)
        try:
            self._make_folder()
            try:
                lock.acquire(timeout=_SILENT_WAIT_S)
            except Timeout:
                _log.info("waiting: another process is creating a TensorRT %s (%s)", key.kind, path)
                lock.acquire()
        except (OSError, NotImplementedError) as error:
            _log.debug("cannot lock %s: %s; other processes may do the same work at the same time", path, error)
        try:
            yield
        finally:
            lock.release()

    def _make_folder(self) -> None:
        """Creates the folder, accessible only to its owner: an engine contains code that runs when it is loaded."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _shrink(self) -> None:
        """Removes the least recently used files until the rest fits, and partial files of killed processes."""
        files = []
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process removed it
                if path.suffix != ".lock":
                    files.append((path.stat().st_mtime, path.stat().st_size, path))
        held = sum(size for _, size, _ in files)
        for _, size, path in sorted(files)[:-1]:  # the newest is the one just written
            if held <= _GREATEST_BYTES:
                break
            path.unlink(missing_ok=True)
            held -= size


def default_folder() -> Path:
    """`tiernas/tensorrt` in the user's cache: $XDG_CACHE_HOME, or ~/.cache if that is not an absolute path."""
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".cache") / "tiernas" / "tensorrt"


def _header(line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def _reason_against(header: dict[str, Any], key: CacheKey, content: bytes) -> str | None:
    """Why a file cannot be used; None if it can."""
    if header.keys() != {*asdict(key), "bytes", "sha256"}:
        return "is not a file of this cache"
    if header["bytes"] != len(content):
        return f"is truncated to {len(content)} of {header['bytes']} bytes"
    if header["sha256"] != hashlib.sha256(content).hexdigest():
        return "is damaged"
    other = {name: header[name] for name, value in asdict(key).items() if header[name] != value}
    if other:
        return "was made for " + ", ".join(f"{name} {value}" for name, value in other.items())
    return None
