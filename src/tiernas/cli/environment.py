"""The environment of a command: a terminal that shows any text, and folders that libraries may write to."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

_FOLDERS = {"XDG_CACHE_HOME": "~/.cache", "XDG_CONFIG_HOME": "~/.config"}
"""Variables of the folders for files that matplotlib, torch, timm, `datasets` and TensorRT engines can do without."""

_temporary: list[tempfile.TemporaryDirectory[str]] = []
"""Removed when the process ends."""


def prepare() -> None:
    """Prepares this process and its child processes.

    Characters that the terminal's encoding lacks are written with backslashes. If the user's folders cannot be written
    (a container without a home folder, or with a read-only one), a temporary folder replaces them.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for variable, usual in _FOLDERS.items():
        if not _writable(Path(os.environ.get(variable) or os.path.expanduser(usual))):
            if not _temporary:
                _temporary.append(tempfile.TemporaryDirectory(prefix="tiernas-home-", ignore_cleanup_errors=True))
            os.environ[variable] = _temporary[0].name


def _writable(folder: Path) -> bool:
    """Whether a folder can be written to, or created."""
    if not folder.is_absolute():  # there is no home folder: "~" stands for itself
        return False
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
