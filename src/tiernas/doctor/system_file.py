"""Small files in which the system describes itself."""

from __future__ import annotations

from pathlib import Path


def read(path: Path) -> str | None:
    """The stripped text of a file; None if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
