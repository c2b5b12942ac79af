"""tiernas networks in folders: entries of a model table, exports, training runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from tiernas.errors import UsageError
from tiernas.networks.normalization import Rgb, rgb
from tiernas.pretrained.network import Original, PretrainedNet, fresh, inherit
from tiernas.pretrained.training_files import AVERAGED_NETWORK, CURRENT, NETWORK, PREVIOUS, WEIGHTS, Identity
from tiernas.pretrained.wanted import Wanted
from tiernas.spaces.reading import architecture_from_json, read_architecture
from tiernas.standalone.facts_file import facts_path
from tiernas.storage import read_tensors

_ENTRY, _ARCHITECTURE = "entry.json", "architecture.json"
_TRAINING = (WEIGHTS, CURRENT, PREVIOUS)
"""Files of a training run, in order of preference; only the first is that of a complete one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """A network with its weights.

    Attributes:
        original: The network.
        tensors: Its weights by name.
        file: The file that contains them.
    """

    original: Original
    tensors: Mapping[str, Tensor]
    file: Path


def load_folder(path: Path, wanted: Wanted, *, complete: bool = False) -> PretrainedNet:
    """Loads the network of an entry, an export or a training run, with averaged weights if there are any.

    Args:
        path: The folder, or a file of a training run.
        wanted: The weights, which must not be another file, and the number of classes.
        complete: Refuse training runs that are not complete, whose weights are still changing.

    Raises:
        UsageError: The path is none of these, or a file of it is missing, damaged or belongs to another network.
    """
    if wanted.file is not None:
        raise UsageError(f"weights = {str(wanted.file)!r}: {path} has weights of its own; omit weights")
    opened = _open(path, complete)
    if wanted.fresh:
        return fresh(opened.original, wanted.num_classes)
    return inherit(opened.original, opened.tensors, str(opened.file), wanted.num_classes)


def _open(path: Path, complete: bool) -> _Opened:
    if path.is_file() and not complete:
        return _training(path, path)
    if (path / _ENTRY).exists():
        return _entry(path)
    if facts_path(path).exists():
        return _export(path)
    files = [path / name for name in _TRAINING[: 1 if complete else None] if (path / name).exists()]
    whole = [file for file in files if read_tensors(file) is not None]
    if files:
        return _training((whole or files)[0], path)
    inside = sorted(f.name for f in path.glob("*/") if (f / _ENTRY).exists() or facts_path(f).exists())
    hint = f"; it contains such folders, name one of them: {', '.join(inside)}" if inside else ""
    training = "complete training run" if complete else "training run"
    raise UsageError(f"{path}: is not the folder of an entry, an export or a {training}{hint}")


def _entry(folder: Path) -> _Opened:
    facts = _json(folder / _ENTRY)
    _require_own(folder, facts)
    return _opened(folder, folder / _ARCHITECTURE, folder / WEIGHTS, facts, facts, ("input_mean", "input_std"))


def _export(folder: Path) -> _Opened:
    facts = _json(facts_path(folder))
    name = facts.get("name")
    if not isinstance(name, str) or Path(name).name != name:
        raise UsageError(f"{folder}: contains a network for an engine, not for torch; name its entry or export")
    claims = facts.get("entry")
    _require_own(folder, claims if isinstance(claims, dict) else {})
    wanted = facts.get("preprocessing")
    normalization = wanted if isinstance(wanted, dict) else {}
    architecture, weights = (folder / f"{name}{ending}" for ending in (".json", ".safetensors"))
    return _opened(folder, architecture, weights, facts, normalization, ("mean", "std"))


def _require_own(folder: Path, entry: Mapping[str, Any]) -> None:
    """Refuses an entry that was added from outside: the folder has no weights for torch."""
    if network := entry.get("network"):
        raise UsageError(
            f"{folder}: is an entry of {network}, which was added to the table and not trained by tiernas; it has no "
            "weights to load: name an entry that a search found"
        )


def _opened(
    folder: Path,
    architecture: Path,
    weights: Path,
    facts: Mapping[str, Any],
    normalization: Mapping[str, Any],
    keys: tuple[str, str],
) -> _Opened:
    classes = facts.get("classes")
    if not isinstance(classes, list) or not classes or not all(isinstance(name, str) for name in classes):
        raise UsageError(f"{folder}: does not name its classes; it is damaged or was changed")
    mean, std = (_rgb(normalization.get(key), folder) for key in keys)
    original = Original(str(folder), read_architecture(architecture), len(classes), mean, std, tuple(classes))
    return _Opened(original, _tensors(weights)[0], weights)


def _training(file: Path, source: Path) -> _Opened:
    tensors, facts = _tensors(file)
    try:
        identity = Identity.of(facts)
        architecture = architecture_from_json(identity.architecture)
    except (KeyError, TypeError, UsageError) as error:
        raise UsageError(f"{file}: is not a file of a training run; name the folder of an entry or export") from error
    original = Original(
        str(source),
        architecture,
        len(identity.classes),
        identity.input_mean,
        identity.input_std,
        identity.classes,
    )
    for prefix in (AVERAGED_NETWORK, NETWORK):
        if state := {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}:
            return _Opened(original, state, file)
    return _Opened(original, tensors, file)


def _tensors(file: Path) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    stored = read_tensors(file)
    if stored is None:
        raise UsageError(f"{file}: is missing, damaged, or not written by tiernas")
    return stored


def _json(file: Path) -> Mapping[str, Any]:
    try:
        facts = json.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{file}: cannot be read ({error})") from error
    if not isinstance(facts, dict):
        raise UsageError(f"{file}: must be an object, not {type(facts).__name__}")
    return facts


def _rgb(values: Any, folder: Path) -> Rgb:
    try:
        return rgb(values)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{folder}: does not say how its input is normalized; it is damaged or was changed") from error
