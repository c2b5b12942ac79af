"""The folder of an export: written as a whole or not at all, and nothing of somebody else is replaced."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from tiernas.artefact import digest_of
from tiernas.errors import UsageError
from tiernas.standalone.classify import FACTS
from tiernas.standalone.facts_file import facts_path
from tiernas.temporary import owned_folder

CARD, CHECKSUMS = "README.md", "SHA256SUMS"


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new folder within `folder`, removed at the end; `folder` too if it was created for nothing.

    Raises:
        UsageError: Something in the context cannot be written.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with owned_folder(".tiernas-export-", folder) as new:
            yield new
    except OSError as error:
        raise UsageError(f"export to {folder}: cannot be written ({error.strerror or error})") from error
    finally:
        for path in missing:
            with contextlib.suppress(OSError):  # it is not empty, or was never created
                path.rmdir()


def checksums(digests: Mapping[str, str]) -> str:
    """SHA-256 digests by file name, in the form that `sha256sum --check` reads."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def moved(new: Path, folder: Path, name: str, *, force: bool = False) -> list[Path]:
    """Moves all files of a folder to their place, and removes those that only an earlier export had.

    Only unchanged files of an earlier export of the same entry are replaced or removed.

    Args:
        new: The folder with the files.
        folder: Where they belong.
        name: Name of the entry.
        force: Replace whatever file has one of their names.

    Returns:
        The files, the card first.

    Raises:
        UsageError: A file of somebody else, or one that was edited since, has one of their names, or is a link.
    """
    names = sorted(file.relative_to(new).as_posix() for file in new.rglob("*") if file.is_file())
    ours = _exported_before(folder, name)
    for each in names:
        there = folder / each
        if _through_a_link(folder, each):
            raise UsageError(f"export to {folder}: {each} is in a folder that is a link; remove the link")
        if hindrance := _hindrance(folder, each):
            raise UsageError(f"export to {folder}: {hindrance}; it is kept. Move it away, or choose another folder")
        taken = there.exists() or there.is_symlink()
        if taken and not force and not _unchanged(there, ours.get(each)):
            raise UsageError(
                f"export to {folder}: {each} exists already and is not an unchanged file of an earlier export of "
                f"{name}; it is kept. Choose another folder, move it away, or replace it with --force"
            )
    for each in ours.keys() - set(names):
        if not _through_a_link(folder, each) and _unchanged(folder / each, ours[each]):
            (folder / each).unlink()
            with contextlib.suppress(OSError):  # it is not empty
                (folder / each).parent.rmdir()
    for each in sorted(names, key=lambda each: each == FACTS):
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
        (new / each).replace(folder / each)
    return [folder / CARD, *(folder / each for each in names if each != CARD)]


def _exported_before(folder: Path, name: str) -> dict[str, str]:
    """The files that an earlier export of an entry wrote into a folder, with their digests at that time."""
    facts_file = facts_path(folder)
    try:
        facts = json.loads(facts_file.read_text("utf-8"))
        if facts["name"] != name:
            return {}
        written = {str(each): str(digest) for each, digest in facts["files"].items() if _is_below(each)}
        written[facts_file.name] = digest_of(facts_file)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return written | {CHECKSUMS: hashlib.sha256(checksums(written).encode()).hexdigest()}


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _through_a_link(folder: Path, name: str) -> bool:
    return any((folder / parent).is_symlink() for parent in PurePosixPath(name).parents if parent.parts)


def _hindrance(folder: Path, name: str) -> str | None:
    """What stands where a file or its folder must be and cannot be replaced by it; None if nothing does."""
    if (folder / name).is_dir() and not (folder / name).is_symlink():
        return f"{name} is a folder"
    above = (str(parent) for parent in PurePosixPath(name).parents if parent.parts)
    return next((f"{each} is not a folder" for each in above if (folder / each).is_file()), None)


def _unchanged(file: Path, digest: str | None) -> bool:
    return digest is not None and file.is_file() and not file.is_symlink() and digest_of(file) == digest
