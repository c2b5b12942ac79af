"""Little packages as pip leaves them: modules, and metadata in which Python finds their entry points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent


def write_package(
    folder: Path,
    name: str,
    modules: Mapping[str, str],
    *,
    entry_points: Mapping[str, Mapping[str, str]] | None = None,
    version: str = "1.0",
) -> None:
    """Writes a package into a folder that is on the path.

    Args:
        folder: The folder.
        name: Of the package, and of what is installed.
        modules: Source code by name of the module; "" is the package itself.
        entry_points: References by name, by group.
        version: Of what is installed.
    """
    for module, code in {"": "", **modules}.items():
        file = folder / name / f"{module or '__init__'}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(code))
    metadata = folder / f"{name}-{version}.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups = (entry_points or {}).items()
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in named.items()) for group, named in groups]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
