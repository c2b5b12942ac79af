"""The file of results that a kit writes on a device, and that is read where its plan was made.

JSON lines: a header, then one measurement per line. Each line ends with a digest of itself and of all lines before it,
so that a changed file is refused. Lines are appended; an incomplete last line, left by an interruption, is dropped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiernas.errors import UsageError

FORMAT_VERSION = 1

_HASH = "hash"
_DIGITS = 16
"""Hexadecimal digits of a digest."""


class ResultsFile:
    """A file of results that is begun, or continued.

    Args:
        path: The file.
        header: What all results have in common: `plan` is the digest of the plan, `fingerprint` what is measured on.

    Attributes:
        results: The results so far.

    Raises:
        UsageError: The file is of another plan or device, or damaged, or cannot be written.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self._path = path
        self.results: list[Mapping[str, Any]] = []
        if path.exists():
            there, self.results, self._hash = _read(path)
            _require_same(path, there, header)
            _drop_torn_line(path)
        else:
            self._hash = ""
            self._write({"tiernas_results": FORMAT_VERSION, **header})

    def append(self, result: Mapping[str, Any]) -> None:
        """Adds a result and flushes it to disk.

        Raises:
            UsageError: The file cannot be written.
        """
        self._write(result)
        self.results.append(result)

    def _write(self, content: Mapping[str, Any]) -> None:
        self._hash = _chained(self._hash, content)
        line = json.dumps({**content, _HASH: self._hash}, allow_nan=False)
        try:
            with self._path.open("ab") as file:
                file.write(line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UsageError(
                f"{self._path}: cannot be written ({error.strerror}); free some space, or give another file"
            ) from error


def read_results(path: Path) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """The header of a file, and its results.

    Raises:
        UsageError: There is no such file, it is no file of results, it is of a newer version, or it was changed.
    """
    header, results, _ = _read(path)
    return header, results


def _read(path: Path) -> tuple[Mapping[str, Any], list[Mapping[str, Any]], str]:
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    found: list[Mapping[str, Any]] = []
    chain = ""
    for number, line in enumerate(lines, start=1):
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            content = None
        if number == 1:
            _require_results(path, content)
        if not isinstance(content, dict) or content.get(_HASH) != _chained(chain, _without_hash(content)):
            raise UsageError(
                f"{path}: line {number} is not what the kit wrote: the file was changed or damaged; copy it from the "
                "device again"
            )
        chain = content[_HASH]
        found.append(_without_hash(content))
    if not found:
        raise UsageError(f"{path}: is empty; a kit writes such files")
    return found[0], found[1:], chain


def _require_results(path: Path, header: object) -> None:
    version = header.get("tiernas_results") if isinstance(header, dict) else None
    if not isinstance(version, int):
        raise UsageError(f"{path}: is not the results of a kit: line 1 has no key 'tiernas_results'")
    if version > FORMAT_VERSION:
        raise UsageError(f"{path}: has format {version}; this version reads up to {FORMAT_VERSION}: update tiernas")


def _require_same(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Refuses to continue results of another kit, or of other conditions."""
    for name, what in (("plan", "another kit"), ("fingerprint", "another device, or other versions or settings of it")):
        if there.get(name) != json.loads(json.dumps(here[name])):
            raise UsageError(f"{path}: has results of {what}; move it away, or give another file")


def _drop_torn_line(path: Path) -> None:
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def _without_hash(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != _HASH}


def _chained(before: str, content: Mapping[str, Any]) -> str:
    """The digest of a line, given that of the line before it."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256((before + text).encode()).hexdigest()[:_DIGITS]
