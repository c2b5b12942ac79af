"""Results as JSON lines, one for each training run, so that a benchmark can be interrupted and resumed at any time."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Lines:
    """A file of results.

    Attributes:
        path: The file; created with the first line.

    Args:
        path: The file.
        keys: The keys that identify a training run.
    """

    def __init__(self, path: Path, *keys: str) -> None:
        self.path = path
        self._keys = keys

    def read(self) -> list[dict[str, Any]]:
        """All results; a damaged line is skipped, since its training run is repeated."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return found

    def has(self, **wanted: Any) -> bool:
        """Whether a training run is done.

        Args:
            wanted: A value for every key.
        """
        return any(all(line[key] == wanted[key] for key in self._keys) for line in self.read())

    def append(self, result: dict[str, Any]) -> None:
        """Adds a result and flushes it to disk; a truncated last line is ended first, so that it damages no other."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(json.dumps(result).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
