"""Results as one JSON file, written after every training or measurement: a benchmark can be stopped at any moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiernas.errors import UsageError

FOLDER = Path(__file__).parent / "results"


class Results:
    """What a benchmark found so far.

    Attributes:
        path: The file; made with the first result.
        found: The results by key.

    Args:
        path: The file.
        settings: What all results depend on, as JSON.

    Raises:
        UsageError: The file was begun with other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.found: dict[str, Any] = {}
        self._settings = json.loads(json.dumps(settings))
        if path.exists():
            there = json.loads(path.read_text(encoding="utf-8"))
            if there["settings"] != self._settings:
                raise UsageError(f"{path}: was begun with other settings, {there['settings']}; remove it")
            self.found = there["results"]

    def put(self, key: str, value: Any, *, tell: bool = True) -> None:
        """Adds a result and replaces the file at once: a process that is killed leaves the older one.

        Args:
            key: What tells it from others.
            value: The result, as JSON.
            tell: Whether it is printed.
        """
        self.found[key] = value
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        document = {"settings": self._settings, "results": self.found}
        new.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        new.replace(self.path)
        if tell:
            print(f"{key}: {value}", flush=True)


def read_results(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings and results of a file.

    Raises:
        UsageError: It is not there.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no such file; `run` first")
    document = json.loads(path.read_text(encoding="utf-8"))
    return document["settings"], document["results"]


def print_table(header: str, rows: list[list[str]]) -> None:
    """Prints a table of Markdown, the first column to the left and all others to the right."""
    columns = header.count("|") + 1
    print(f"| {header} |")
    print(f"|{'|'.join(['---', *['---:'] * (columns - 1)])}|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()
