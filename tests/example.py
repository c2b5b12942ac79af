"""The package of examples/plugin as pip leaves it."""

from __future__ import annotations

import importlib
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.acme import forget
from tests.packages import write_package

from tiernas.blocks import get_block

EXAMPLE = Path(__file__).parents[1] / "examples" / "plugin"
CODE = EXAMPLE / "src" / "acme_tiernas"
OFFERED: dict[str, dict[str, str]] = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]


def install_example(folder: Path, version: str = "1.0", changes: Mapping[str, str] | None = None) -> None:
    """Writes the package, in place of what is installed of it.

    Args:
        folder: A folder on the path.
        version: Of the package.
        changes: What stands in `sandglass.py`, and what is to stand there.
    """
    forget("acme_tiernas")
    get_block.cache_clear()
    for metadata in folder.glob("acme_tiernas-*.dist-info"):
        shutil.rmtree(metadata)
    modules = {file.stem: file.read_text() for file in CODE.glob("*.py")}
    for old, new in (changes or {}).items():
        assert old in modules["sandglass"]
        modules["sandglass"] = modules["sandglass"].replace(old, new)
    write_package(folder, "acme_tiernas", modules, entry_points=OFFERED, version=version)


def module(name: str) -> Any:
    """A module of the package that is installed."""
    return importlib.import_module(f"acme_tiernas.{name}")
