"""The files below a folder: which are read, and why others are not."""

from __future__ import annotations

import os
import stat
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath

from PIL import Image, ImageFile

from tiernas.errors import UsageError

_SYSTEM = frozenset(
    {
        "__macosx",
        "__pycache__",
        "$recycle.bin",
        "@eadir",
        "desktop.ini",
        "ehthumbs.db",
        "icon\r",
        "lost+found",
        "system volume information",
        "thumbs.db",
    }
)
"""Folders created by operating systems, file servers and Python, in lower case; some contain copies and previews."""

_NEVER_DECODED = frozenset({"MPEG"})
"""Formats that Pillow opens but never decodes, in addition to those that are marked as such (`StubImageFile`)."""

_NAMED = 3
"""Number of files per reason that a message names."""

HIDDEN = "hidden"
NO_IMAGE_FORMAT = "not in a supported image format"


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Something among the data that is not used.

    Attributes:
        name: Its path or row, safe to show.
        reason: One of a few, for counting.
        kind: Subcategory of the reason, such as the suffix; may be empty.
    """

    name: str
    reason: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class FileListing:
    """Files below a folder.

    Attributes:
        files: All that are not hidden, sorted.
        passed_over: Hidden files and folders, dangling links, links back to a folder, and anything that is not a file.
    """

    files: tuple[Path, ...]
    passed_over: tuple[PassedOver, ...]


def shown(name: str | PurePath) -> str:
    r"""A name that can be written anywhere; bytes that are not UTF-8 become `\xNN`."""
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is skipped, at any depth."""
    return name.startswith(".") or name.lower() in _SYSTEM


@cache
def image_suffixes() -> frozenset[str]:
    """File suffixes that the installed Pillow decodes, in lower case, with their dot."""
    decoded = set()
    for suffix, name in Image.registered_extensions().items():
        opener = Image.OPEN.get(name, (None,))[0]
        is_stub = isinstance(opener, type) and issubclass(opener, ImageFile.StubImageFile)
        if opener is not None and not is_stub and name not in _NEVER_DECODED:
            decoded.add(suffix)
    return frozenset(decoded)


def without_format(path: Path, root: Path) -> PassedOver:
    """The record of a file whose format is not supported."""
    return PassedOver(shown(path.relative_to(root)), NO_IMAGE_FORMAT, shown(path.suffix.lower()) or "no suffix")


def files_below(folder: Path, root: Path) -> FileListing:
    """Lists the files of a folder and of all its subfolders, including linked ones; each folder is read once.

    Args:
        folder: The folder.
        root: Folder of the entire data set, `folder` or above it; names are shown relative to it.

    Raises:
        UsageError: A folder cannot be read.
    """
    seen = _above(folder, root)
    files: list[Path] = []
    passed_over: list[PassedOver] = []
    waiting = [folder]
    while waiting:
        for path in _entries(waiting.pop(), root):
            name = shown(path.relative_to(root))
            if is_hidden(path.name):
                passed_over.append(PassedOver(name, HIDDEN))
                continue
            try:
                status = path.stat()
            except OSError:
                passed_over.append(PassedOver(name, "dangling links" if path.is_symlink() else "unreadable"))
                continue
            if stat.S_ISREG(status.st_mode):
                files.append(path)
            elif not stat.S_ISDIR(status.st_mode):
                passed_over.append(PassedOver(name, "neither file nor folder"))
            elif (identity := (status.st_dev, status.st_ino)) in seen:
                passed_over.append(_read_already(path, seen[identity], root))
            else:
                seen[identity] = path
                waiting.append(path)
    return FileListing(tuple(sorted(files)), tuple(sorted(passed_over, key=lambda item: item.name)))


@dataclass(frozen=True, slots=True)
class FolderLevel:
    """The visible contents of a folder, without those of its subfolders.

    Attributes:
        folders: Folders and links to folders, sorted.
        files: Everything else, sorted.
        passed_over: Hidden files and folders, and links back to a folder above.
    """

    folders: tuple[Path, ...]
    files: tuple[Path, ...]
    passed_over: tuple[PassedOver, ...]


def level_of(folder: Path, root: Path) -> FolderLevel:
    """Lists a folder without its subfolders' contents.

    Args:
        folder: The folder.
        root: Folder of the entire data set, `folder` or above it.

    Raises:
        UsageError: The folder cannot be read.
    """
    above = _above(folder, root)
    folders: list[Path] = []
    files: list[Path] = []
    passed_over: list[PassedOver] = []
    for path in _entries(folder, root):
        if is_hidden(path.name):
            passed_over.append(PassedOver(shown(path.relative_to(root)), HIDDEN))
        elif not os.path.isdir(path):
            files.append(path)
        elif (identity := _identity(path)) in above:
            passed_over.append(_read_already(path, above[identity], root))
        else:
            folders.append(path)
    return FolderLevel(tuple(folders), tuple(files), tuple(passed_over))


def _read_already(path: Path, first: Path, root: Path) -> PassedOver:
    return PassedOver(shown(path.relative_to(root)), "links to folders that are already read", shown(first.name))


def _above(folder: Path, root: Path) -> dict[tuple[int, int], Path]:
    """A folder and its parents up to the root, by their identity on disk."""
    return {_identity(path): path for path in (folder, *folder.parents) if path == root or root in path.parents}


def _entries(folder: Path, root: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except OSError as error:
        raise UsageError(
            f"the folder {shown(folder)} cannot be read ({error.strerror}); change its permissions, or move "
            f"it out of {shown(root)}"
        ) from error


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def counted(passed_over: Iterable[PassedOver]) -> str:
    """The skipped items in words: the count for each reason, with some names."""
    by_reason: defaultdict[str, list[PassedOver]] = defaultdict(list)
    for item in passed_over:
        by_reason[item.reason].append(item)
    parts = []
    for reason, items in by_reason.items():
        kinds = Counter(item.kind for item in items if item.kind)
        of_kinds = f": {', '.join(f'{kind} {n}' for kind, n in kinds.most_common())}" if kinds else ""
        names = ", ".join(item.name for item in items[:_NAMED]) + (", ..." if len(items) > _NAMED else "")
        parts.append(f"{reason} ({len(items)}{of_kinds}): {names}")
    return "; ".join(parts)
