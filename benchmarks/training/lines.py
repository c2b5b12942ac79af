"""Results as JSON lines, one for each training run, so that a benchmark can be interrupted and resumed at any time."""

from __future__ import annotations

import json
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
        """All results; a truncated line is skipped."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
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
        """Adds a result."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
