"""Results as JSON lines, one for each training, so that a benchmark can be stopped at any moment and continued."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Lines:
    """A file of results.

    Attributes:
        path: The file; made with the first line.

    Args:
        path: The file.
        keys: What tells one training from another.
    """

    def __init__(self, path: Path, *keys: str) -> None:
        self.path = path
        self._keys = keys

    def read(self) -> list[dict[str, Any]]:
        """All results; a line that was cut off is passed over."""
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
        """Whether a training is done.

        Args:
            wanted: A value for every key.
        """
        return any(all(line[key] == wanted[key] for key in self._keys) for line in self.read())

    def append(self, result: dict[str, Any]) -> None:
        """Adds a result."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
