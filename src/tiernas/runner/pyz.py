"""Writes `runner.pyz`: modules of this package, as they are, in one file that Python runs."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import tiernas
from tiernas.errors import UsageError
from tiernas.runner.contents import runner_modules
from tiernas.temporary import owned_folder

_SHEBANG = b"#!/usr/bin/env python3\n"
_DATE = (1980, 1, 1, 0, 0, 0)
"""The same for all files, so that equal code gives equal bytes, and a device keeps one runner for each."""


def write_runner(path: Path) -> None:
    """Writes the runner, which needs Python 3.9 or newer, NumPy and the wheel of a runtime.

    Packages are empty in it, because they import their public names on first use with a library that a device need not
    have.

    Args:
        path: The file.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with owned_folder(f".{path.name}.", path.parent) as folder:
            new = folder / path.name
            with new.open("wb") as file:
                file.write(_SHEBANG)
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    for name, text in _files():
                        member = zipfile.ZipInfo(name, _DATE)
                        member.compress_type = zipfile.ZIP_DEFLATED
                        archive.writestr(member, text)
            new.chmod(0o755)
            new.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error}; choose another file") from error


def _files() -> Iterator[tuple[str, str]]:
    """Names and texts of the files in the runner."""
    yield "__main__.py", (Path(__file__).parent / "launcher.py").read_text(encoding="utf-8")
    for name, path in runner_modules().items():
        inside = name.replace(".", "/")
        if path.name != "__init__.py":
            yield f"{inside}.py", path.read_text(encoding="utf-8")
        elif name == "tiernas":
            yield f"{inside}/__init__.py", f'__version__ = "{tiernas.__version__}"\n'
        else:
            yield f"{inside}/__init__.py", ""
