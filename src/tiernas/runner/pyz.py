"""Writes programs for devices: modules of this package, as they are, in one file that Python runs."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
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

    Args:
        path: The file.

    Raises:
        UsageError: The file cannot be written.
    """
    with new_program(path, "__main__"):
        pass


@contextmanager
def new_program(path: Path, module: str) -> Iterator[zipfile.ZipFile]:
    """Writes a program, to which more files can be added in the context; replaces the file at its end.

    Packages are empty in it, because they import their public names on first use with a library that a device need not
    have.

    Args:
        path: The file.
        module: The module of `tiernas.runner` whose `main` it runs.

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
                    for name, text in _files(module):
                        add(archive, name, text.encode())
                    yield archive
            new.chmod(0o755)
            new.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error}; choose another file") from error


def add(archive: zipfile.ZipFile, name: str, content: bytes, *, compress: bool = True) -> None:
    """Adds a file to a program.

    Args:
        archive: The program.
        name: The name of the file in it.
        content: Its content.
        compress: Whether that pays off; not for weights.
    """
    member = zipfile.ZipInfo(name, _DATE)
    member.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    archive.writestr(member, content)


def _files(module: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the modules of a program."""
    launcher = (Path(__file__).parent / "launcher.py").read_text(encoding="utf-8")
    yield "__main__.py", f"{launcher}\nfrom tiernas.runner.{module} import main\n\nmain()\n"
    for name, path in runner_modules().items():
        inside = name.replace(".", "/")
        if path.name != "__init__.py":
            yield f"{inside}.py", path.read_text(encoding="utf-8")
        elif name == "tiernas":
            yield f"{inside}/__init__.py", f'__version__ = "{tiernas.__version__}"\n'
        else:
            yield f"{inside}/__init__.py", ""
