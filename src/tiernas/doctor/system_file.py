"""Small files in which the system tells about itself."""

from __future__ import annotations

from pathlib import Path


def read(path: Path) -> str | None:
    """The text of a file without blanks at its ends; None where there is none that can be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
