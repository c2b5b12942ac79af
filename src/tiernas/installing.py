"""The command that adds an extra to this installation of tiernas: a checkout, a wheel, or a release of an index."""

from __future__ import annotations

import json
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any
from urllib.parse import unquote, urlsplit


def install_command(extra: str) -> str:
    """The command that installs an extra, to be typed in any folder.

    Args:
        extra: One of `[project.optional-dependencies]`.
    """
    return f"pip install {_requirement(extra)}"


def _requirement(extra: str) -> str:
    """What pip is to install: the source of this installation, as pip recorded it (PEP 610), with the extra."""
    try:
        origin = _origin(distribution("tiernas"))
    except PackageNotFoundError:
        origin = {}
    url = origin.get("url")
    if not isinstance(url, str):
        return f"'tiernas[{extra}]'"
    if "dir_info" in origin:
        editable = "-e " if origin["dir_info"].get("editable") else ""
        return f"{editable}'{unquote(urlsplit(url).path)}[{extra}]'"
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    return f"'tiernas[{extra}] @ {url}'"


def _origin(installed: Distribution) -> dict[str, Any]:
    try:
        origin = json.loads(installed.read_text("direct_url.json") or "{}")
    except ValueError:
        return {}
    return origin if isinstance(origin, dict) else {}
