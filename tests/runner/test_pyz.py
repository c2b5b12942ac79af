from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tiernas
from tiernas.cli.commands import app
from tiernas.errors import UsageError
from tiernas.runner.contents import runner_modules
from tiernas.runner.pyz import write_runner


def test_it_holds_the_modules_as_they_are(pyz: Path) -> None:
    with zipfile.ZipFile(pyz) as archive:
        names = set(archive.namelist())
        for name, path in runner_modules().items():
            if path.name != "__init__.py":
                assert archive.read(f"{name.replace('.', '/')}.py") == path.read_bytes()
        packages = {name for name in names if name.endswith("/__init__.py")}
        texts = {name: archive.read(name).decode() for name in packages}
    assert texts.pop("tiernas/__init__.py") == f'__version__ = "{tiernas.__version__}"\n'
    assert set(texts.values()) == {""}
    assert "__main__.py" in names
    assert len(names) == len(runner_modules()) + 1


def test_equal_code_gives_equal_bytes(pyz: Path, tmp_path: Path) -> None:
    write_runner(tmp_path / "again.pyz")
    assert (tmp_path / "again.pyz").read_bytes() == pyz.read_bytes()
    assert pyz.read_bytes().startswith(b"#!/usr/bin/env python3\nPK")


def test_command(tmp_path: Path) -> None:
    path = tmp_path / "new" / "runner.pyz"
    done = CliRunner().invoke(app, ["device", "runner", "--output", str(path), "--json"], catch_exceptions=False)
    assert json.loads(done.stdout) == {"runner": str(path)}
    assert path.exists()


def test_a_file_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*choose another file"):
        write_runner(tmp_path / "file" / "runner.pyz")


def test_without_numpy_it_says_what_to_install(pyz: Path) -> None:
    done = subprocess.run([sys.executable, "-I", "-S", pyz], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert re.search(f"install it with: {sys.executable} -m (pip|venv .* && .*/bin/pip) install numpy$", done.stderr)
    assert "Traceback" not in done.stderr
