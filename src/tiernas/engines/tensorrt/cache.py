"""Files that make TensorRT start faster the next time: engines, times of kernels, compiled kernels.

A file is either whole and made for exactly what is asked for, or it is made again. None is ever needed: where the
folder cannot be written to, everything works and takes longer.
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
"""What the folder may hold: the engines of some two hundred networks of `gpunet`; those unused longest go first."""
_SILENT_WAIT_S = 1.0
"""Waiting longer than this for another process that builds is logged."""
_LOCKS = 256
"""Lock files in the folder; each stands for one in so many keys."""
_LONGEST_HEADER_BYTES = 2**16
"""More is no header: what stands in the file was not written here."""


@dataclass(frozen=True, slots=True)
class CacheKey:
    """What the content of a file depends on.

    Attributes:
        kind: What it is: "engine", "timings" or "kernels".
        library: Name of the package that made it.
        version: Its version.
        device: The GPU it is for; "any" for an engine that runs on any.
        network: Digest of the network with its weights, calibration and precision; "" for what serves all networks.
    """

    kind: str
    library: str
    version: str
    device: str
    network: str = ""

    @property
    def digest(self) -> str:
        """32 hexadecimal digits; the same for all versions, so that a newer file takes the place of an older one."""
        facts = asdict(self)
        del facts["version"]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


class TrtCache:
    """The folder; several processes may use it at once, also on several machines.

    Args:
        folder: Where the files are; `default_folder()` if None. It is made when something is written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def path(self, key: CacheKey) -> Path:
        """The file of a key; it need not exist."""
        return self.folder / f"{key.digest}.{key.kind}"

    def get(self, key: CacheKey) -> bytes | None:
        """What was put under a key; None, with one line in the log, where the file is no such thing any more."""
        path = self.path(key)
        try:
            with path.open("rb") as file:
                header = _header(file.readline(_LONGEST_HEADER_BYTES))
                content = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            _log.info("%s: cannot be read (%s); it is made again", path, error)
            return None
        reason = _reason_against(header, key, content)
        if reason:
            _log.info("%s: %s; it is made again", path, reason)
            return None
        with contextlib.suppress(OSError):  # another's file, or a read-only folder
            os.utime(path)
        return content

    def put(self, key: CacheKey, content: bytes) -> None:
        """Keeps something; where that is impossible (full disk, read-only folder) there is one warning and no file."""
        path = self.path(key)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        header = {**asdict(key), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        try:
            self._make_folder()
            with temporary.open("wb") as file:
                file.write(json.dumps(header).encode() + b"\n")
                file.write(content)  # not flushed to the disk: what a power cut truncates is noticed
            temporary.replace(path)
            self._shrink()
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            _log.warning("cannot keep TensorRT %s in %s: %s; used now, made again next time", key.kind, path, error)

    def get_or_make(self, key: CacheKey, make: Callable[[], bytes]) -> bytes:
        """What is under a key, or else makes and keeps it; of several processes at once only one makes it."""
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
                _log.info("waiting: another process makes a TensorRT %s (%s)", key.kind, path)
                lock.acquire()
        except (OSError, NotImplementedError) as error:
            _log.debug("cannot lock %s: %s; other processes may do the same work at the same time", path, error)
        try:
            yield
        finally:
            lock.release()

    def _make_folder(self) -> None:
        """For its owner alone: an engine holds code that runs when it is loaded."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _shrink(self) -> None:
        """Removes what was unused longest until the rest fits; also what killed processes left half-written."""
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
    """`tiernas/tensorrt` in the user's cache: $XDG_CACHE_HOME, or ~/.cache where that is not set to a full path."""
    told = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (told if told.is_absolute() else Path.home() / ".cache") / "tiernas" / "tensorrt"


def _header(line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def _reason_against(header: dict[str, Any], key: CacheKey, content: bytes) -> str | None:
    """Why a file must not be used; None if it may."""
    if header.keys() != {*asdict(key), "bytes", "sha256"}:
        return "is no file of this cache"
    if header["bytes"] != len(content):
        return f"is truncated to {len(content)} of {header['bytes']} bytes"
    if header["sha256"] != hashlib.sha256(content).hexdigest():
        return "is damaged"
    other = {name: header[name] for name, value in asdict(key).items() if header[name] != value}
    if other:
        return "was made for " + ", ".join(f"{name} {value}" for name, value in other.items())
    return None
