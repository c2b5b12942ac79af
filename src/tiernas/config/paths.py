"""Relative paths: those in a file are relative to the file, those in `--set` to the working directory."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiernas.credentials import hide_url_credentials
from tiernas.errors import UsageError
from tiernas.ledger import is_meant_as_url

_IN_RECIPES = ("recipe.teacher.path", "finalists.teacher.path")
"""Recipes are compared as written: these paths stay relative if that means the same."""

_LIST, _URL, _SQLITE = "search.reuse", "study.ledger", "sqlite:///"

_MAY_BE_URLS = ("study.checkpoints", _LIST)
"""In all other keys except the ledger, text such as `run:1` is a name."""

_MAY_BE_NAMES = ("parent.network", "parent.weights", "recipe.start", "detector.backbone", "detector.weights")
"""Text is a path if there is such a file or folder, and otherwise a name."""

_KEYS = (
    "study.output",
    "study.checkpoints",
    _URL,
    "data.path",
    *(f"data.{split}{part}" for split in ("train", "validation", "test") for part in ("", "_images")),
    "latency.table",
    _LIST,
    "table.path",
    *_MAY_BE_NAMES,
    *_IN_RECIPES,
)
"""Keys whose value is a path, a list of them, or a URL."""

_log = logging.getLogger(__name__)


def make_absolute(data: Mapping[str, Any], folder: Path, name: str) -> None:
    """Makes the paths of a file absolute.

    A path that exists not next to the file but in the working directory is resolved there, since earlier versions
    looked only there; this is logged, and so is a path that exists in both places.

    Args:
        data: The contents of the file, or of one `--set`; changed in place.
        folder: The folder that relative paths are relative to.
        name: The name of the file in messages.

    Raises:
        UsageError: A path is empty, contains a NUL character, or is a URL where none is allowed.
    """
    for dotted in _KEYS:
        *sections, key = dotted.split(".")
        section: Any = data
        for inner in sections:
            section = section.get(inner) if isinstance(section, Mapping) else None
        match section.get(key) if isinstance(section, dict) else None:
            case str(text) if dotted != _LIST:
                section[key] = _absolute(text, folder, name, dotted)
            case list(texts) if dotted == _LIST:
                section[key] = [_absolute(t, folder, name, dotted) if isinstance(t, str) else t for t in texts]


def _absolute(text: str, folder: Path, name: str, key: str) -> str:
    if not text.strip() or "\0" in text:
        raise UsageError(f"{name}: {key} = {text!r}: not a path; give the name of a folder or file")
    if key == _URL:
        file = text.removeprefix(_SQLITE)
        relative = file != text and not file.startswith(("/", "${"))
        return _SQLITE + _found(file, folder, name, key) if relative else text
    if key in _MAY_BE_URLS and is_meant_as_url(text):
        return text
    if key in _MAY_BE_NAMES and not _exists(text, folder):
        return text
    if "://" in text:
        shown = hide_url_credentials(text)
        raise UsageError(f"{name}: {key} = {shown!r}: is a URL; give the name of a folder or file on this machine")
    found = _found(text, folder, name, key)
    return text if key in _IN_RECIPES and found == os.path.abspath(text) else found


def _exists(text: str, folder: Path) -> bool:
    """Whether there is such a file or folder, next to the configuration file or in the working directory."""
    path = os.path.expanduser(text)
    return os.path.exists(folder / path) or os.path.exists(path)


def _found(text: str, folder: Path, name: str, key: str) -> str:
    text = os.path.expanduser(text)
    beside, here = os.path.abspath(folder / text), os.path.abspath(text)
    if beside == here or not os.path.exists(here) or (os.path.exists(beside) and os.path.samefile(beside, here)):
        return beside
    if os.path.exists(beside):
        _log.warning("%s: %s is %s, next to the file; there is another one, %s", name, key, beside, here)
        return beside
    _log.warning(
        "%s: %s is %s, in the working directory, because there is no %s; relative paths are relative to the folder of "
        "the file: write %s to keep this one",
        name,
        key,
        here,
        beside,
        os.path.relpath(here, folder),
    )
    return here
