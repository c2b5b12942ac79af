"""Tensors and JSON in one safetensors file, written atomically."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from tiernas.errors import UsageError
from tiernas.temporary import owned_folder

if TYPE_CHECKING:
    from torch import Tensor

_FACTS, _SHA256 = "tiernas", "sha256"
"""Keys of a file's metadata. Files of earlier versions have no checksum; no file has any other key."""


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], *, keep_old_as: Path | None = None
) -> None:
    """Writes a file under a temporary name, flushes it to disk and renames it.

    The file includes a checksum of its contents. Temporary files of killed writers of the same file are removed.

    Args:
        path: The file; its folder is created.
        tensors: Dense tensors of any memory format; strides are not kept.
        facts: Other contents, serializable as JSON.
        keep_old_as: Path to which an older file is renamed, in the same folder; if None, it is replaced.

    Raises:
        UsageError: The folder is not writable, or the disk is full; an older file of that name is left untouched.
    """
    from safetensors.torch import save_file  # imports torch, which a query of the model table does not need

    dense = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(facts)
    metadata = {_FACTS: text, _SHA256: _checksum(dense, text)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with owned_folder(f".{path.name}.", path.parent) as folder:
            temporary = folder / path.name
            save_file(dense, temporary, metadata)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            if keep_old_as is not None and path.exists():
                path.replace(keep_old_as)
            temporary.replace(path)
        _flush_folder(path.parent)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"cannot write {path}: {error}; free some space or choose another folder") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and facts of a file; None if there is no such file, or it is damaged or not one of ours.

    Raises:
        UsageError: There is no permission to read the file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        facts = json.loads(metadata[_FACTS])
    except PermissionError as error:
        raise UsageError(f"cannot read {path}: {error}; change its permissions") from error
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError, OverflowError):
        return None
    known = metadata.keys() <= {_FACTS, _SHA256}
    whole = metadata.get(_SHA256) in (None, _checksum(tensors, metadata[_FACTS]))
    return (tensors, facts) if known and whole and isinstance(facts, dict) else None


def checksum_of(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    """SHA-256, as hexadecimal digits, of what `write_tensors` would write; the memory format has no effect."""
    dense = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return _checksum(dense, json.dumps(facts))


def _checksum(tensors: Mapping[str, Tensor], facts: str) -> str:
    """SHA-256 of names, types, shapes and values of dense tensors, and of the facts."""
    import torch

    sha = hashlib.sha256(facts.encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def _flush_folder(folder: Path) -> None:
    """Makes a rename survive a power failure; does nothing where folders cannot be opened (Windows)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
