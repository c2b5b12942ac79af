"""The command that installs packages for the Python of this process, to be typed on this machine."""

from __future__ import annotations

import shlex
import sys
import sysconfig
from pathlib import Path

from tiernas.errors import UsageError
from tiernas.runner.kept import cache_folder

ENVIRONMENT = "venv"
"""Folder in the cache of the runner; if there is such an environment, the runner is started with its Python."""


def pip_command(*packages: str) -> str:
    """The command.

    A system that manages its own packages (PEP 668: Debian 12, Raspberry Pi OS) refuses pip outside of environments;
    there the command makes one.

    Args:
        packages: What is to be installed.
    """
    python = sys.executable or "python3"
    if not _is_managed_by_the_system():
        return shlex.join([python, "-m", "pip", "install", *packages])
    try:
        folder = cache_folder() / ENVIRONMENT
    except UsageError:  # no home folder
        folder = Path(ENVIRONMENT)
    wanted = dict.fromkeys(["numpy", *packages])
    return (
        f"{shlex.join([python, '-m', 'venv', str(folder)])} && {shlex.join([f'{folder}/bin/pip', 'install', *wanted])}"
    )


def _is_managed_by_the_system() -> bool:
    in_environment = sys.prefix != sys.base_prefix
    return not in_environment and Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED").exists()
