"""Distributions as an index has them, and a fresh environment that has them by their wheels."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

_LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "runs", "site", "model-table", "benchmarks", "tests"
)
_SDIST = "from setuptools.build_meta import build_sdist; build_sdist('dist')"


def build_sdist(project: Path, into: Path) -> Path:
    """The source distribution of a project, built of a copy, so that nothing is left beside its sources.

    Args:
        project: Its folder.
        into: A folder that does not exist.
    """
    shutil.copytree(project, into, ignore=_LEFT_OUT)
    subprocess.run([sys.executable, "-c", _SDIST], cwd=into, check=True, capture_output=True)
    (sdist,) = (into / "dist").iterdir()
    return sdist


def build_wheel(sdist: Path) -> Path:
    """The wheel of a source distribution, beside it."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(sdist.parent), str(sdist)], check=True)
    (wheel,) = sdist.parent.glob("*.whl")
    return wheel


class Environment:
    """A fresh environment that has packages by their wheels, and a folder to work in.

    What they depend on is that of the environment that runs the tests.

    Args:
        home: Where the environment is made.
        folder: The working directory of all commands.
        wheels: What is installed.
    """

    def __init__(self, home: Path, folder: Path, *wheels: Path) -> None:
        venv.create(home / "environment", symlinks=True)
        self.bin = home / "environment" / "bin"
        self.folder = folder
        pip = [sys.executable, "-m", "pip", "--python", str(self.bin / "python")]
        self._run([*pip, "install", "--quiet", "--no-index", "--no-deps", *map(str, wheels)])
        (site,) = home.glob("environment/lib/python*/site-packages")
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    def run(self, command: str, *more: str) -> str:
        """Stdout of a command, whose program is in the environment."""
        program, *words = shlex.split(command)
        return self._run([str(self.bin / program), *words, *more])

    def json(self, command: str, *more: str) -> Any:
        return json.loads(self.run(command, *more, "--json"))

    def _run(self, words: list[str]) -> str:
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST"))}
        ran = subprocess.run(words, cwd=self.folder, env=environ, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{words} exited with {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        assert "Traceback" not in ran.stderr
        return ran.stdout
