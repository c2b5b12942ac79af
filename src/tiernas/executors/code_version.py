"""The version of the running code."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import tiernas


@cache
def code_version() -> str:
    """Version of tiernas and 12 hexadecimal digits over its Python files, unique to this code."""
    root = Path(tiernas.__file__).parent
    sha = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        sha.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{tiernas.__version__} ({sha.hexdigest()[:12]})"
