"""Tensors and JSON in one safetensors file that is either whole or not there."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from tiernas.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

_KEY = "tiernas"


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], *, keep_old_as: Path | None = None
) -> None:
    """Writes a file under a temporary name, flushes it to the disk and gives it its name.

    Args:
        path: The file; its folder is made.
        tensors: Dense tensors of any memory format; strides are not kept.
        facts: What else to keep, as JSON.
        keep_old_as: Name that an older file gets, in the same folder; if None, it is replaced.

    Raises:
        UsageError: The folder cannot be written to, or the disk is full; an older file of that name is untouched.
    """
    from safetensors.torch import save_file  # brings torch, which a query of the model table can do without

    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({k: t.detach().cpu().contiguous() for k, t in tensors.items()}, temporary, {_KEY: json.dumps(facts)})
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if keep_old_as is not None and path.exists():
            path.replace(keep_old_as)
        temporary.replace(path)
        _flush_folder(path.parent)
    except (OSError, SafetensorError) as error:
        _remove(temporary)
        raise UsageError(f"cannot write {path}: {error}; free some space or choose another folder") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and facts of a file; None where there is no such file, or it is truncated or not one of ours.

    Raises:
        UsageError: The file must not be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[_KEY])
            return {key: file.get_tensor(key) for key in file.keys()}, facts  # noqa: SIM118 (not a dict)
    except PermissionError as error:
        raise UsageError(f"cannot read {path}: {error}; change its permissions") from error
    except (FileNotFoundError, NotADirectoryError, SafetensorError, KeyError, json.JSONDecodeError):
        return None


def _flush_folder(folder: Path) -> None:
    """Makes a renaming survive a power cut; where folders cannot be opened (Windows) there is nothing to do."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # the folder is read-only or gone: there is nothing to remove
        path.unlink(missing_ok=True)
