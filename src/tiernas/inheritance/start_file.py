"""A parent as a file, shared by all training runs and found by its digest."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from tiernas.errors import UsageError
from tiernas.inheritance.parent import ORDER, WEIGHT, Parent
from tiernas.networks import build, repeatable_weights
from tiernas.networks.normalization import Normalization, rgb
from tiernas.spaces import architecture_from_json
from tiernas.storage import read_tensors, write_tensors

KEPT = "sha256:"
"""Prefix of `recipe.start` if it names a file by its digest."""


def is_kept(start: str) -> bool:
    """Whether `recipe.start` names a file by its digest."""
    return start.startswith(KEPT)


def kept_name(parent: Parent) -> str:
    """The value of `recipe.start` that names the file of a parent."""
    return KEPT + parent.digest


def keep_parent(parent: Parent, cache_dir: Path) -> str:
    """Writes a parent to the folder where training runs look for it, unless it exists.

    Returns:
        The value of `recipe.start` that names it.

    Raises:
        UsageError: The folder cannot be written to.
    """
    start = kept_name(parent)
    path = _path(start, cache_dir)
    if read_tensors(path) is None:
        write_tensors(path, parent.tensors, {"source": parent.source, **parent.facts})
    return start


def kept_parent(start: str, cache_dir: Path) -> Parent:
    """Reads the parent that `keep_parent` wrote.

    Args:
        start: The return value of `keep_parent`.
        cache_dir: The folder that it was written to.

    Raises:
        UsageError: The file does not exist, or is damaged.
    """
    path = _path(start, cache_dir)
    stored = read_tensors(path)
    if stored is None:
        missing = "does not exist on this machine; give all workers access to the output folder of the search"
        what = "is damaged; remove it" if path.exists() else missing
        raise UsageError(f"recipe.start: {path} {what}, and start the search again to rewrite it")
    tensors, facts = stored
    try:
        return _parent(tensors, facts)
    except (KeyError, TypeError, ValueError, RuntimeError, UsageError) as error:
        raise UsageError(f"recipe.start: {path} does not contain a trained network ({error}); remove it") from error


def remove_kept(cache_dir: Path) -> None:
    """Removes the parents that `keep_parent` wrote to a folder; whoever needs one again writes it again."""
    for path in cache_dir.glob(_file_name("*")):
        with suppress(OSError):
            path.unlink()


def _parent(tensors: dict[str, Tensor], facts: dict[str, Any]) -> Parent:
    with repeatable_weights():
        network = build(architecture_from_json(facts["architecture"]), facts["num_classes"])
    network.load_state_dict(_below(WEIGHT, tensors))
    normalization = Normalization(rgb(facts["input_mean"]), rgb(facts["input_std"]))
    classes = None if facts["classes"] is None else tuple(facts["classes"])
    return Parent(facts["source"], network.eval(), _below(ORDER, tensors), normalization, classes)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _path(start: str, cache_dir: Path) -> Path:
    return cache_dir / _file_name(start.removeprefix(KEPT))


def _file_name(digest: str) -> str:
    return f"start-{digest}.safetensors"
