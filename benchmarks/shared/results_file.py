"""Results as one JSON file, written after every training or measurement: a benchmark can be stopped at any moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.shared.conditions import conditions, now

from tiernas.errors import UsageError
from tiernas.text_file import replace_text


class Results:
    """The results of a benchmark so far.

    The file also has the runs that they come from: machine, versions, and when each began and last added a result.

    Attributes:
        path: The file, created with the first result.
        found: The results by key.

    Args:
        path: The file.
        settings: Everything that all results depend on, serializable as JSON.

    Raises:
        UsageError: The file has results for other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.found: dict[str, Any] = {}
        self._settings = json.loads(json.dumps(settings))
        self._earlier: list[Any] = []
        self._run: dict[str, Any] = {**conditions(), "from": now()}
        if path.exists():
            there = json.loads(path.read_text(encoding="utf-8"))
            if there["settings"] != self._settings:
                raise UsageError(
                    f"{path}: has results for other settings, {there['settings']} instead of {self._settings}; move it "
                    "away, or restore the earlier settings"
                )
            self.found, self._earlier = there["results"], there["runs"]

    def put(self, key: str, value: Any, *, tell: bool = True) -> None:
        """Adds a result and replaces the file atomically.

        Args:
            key: The key of the result.
            value: The result, serializable as JSON.
            tell: Whether to print it.
        """
        self.found[key] = value
        runs = [*self._earlier, {**self._run, "to": now()}]
        document = {"settings": self._settings, "runs": runs, "results": self.found}
        replace_text(self.path, json.dumps(document, indent=1) + "\n")
        if tell:
            print(f"{key}: {value}", flush=True)


def read_results(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings and results of a file.

    Raises:
        UsageError: There is no such file.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no such file; `run` first")
    document = json.loads(path.read_text(encoding="utf-8"))
    return document["settings"], document["results"]


def print_table(header: str, rows: list[list[str]]) -> None:
    """Prints a Markdown table with the first column left-aligned and all others right-aligned."""
    columns = header.count("|") + 1
    print(f"| {header} |")
    print(f"|{'|'.join(['---', *['---:'] * (columns - 1)])}|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()
