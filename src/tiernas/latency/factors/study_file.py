"""The factor study's file: one JSON document, rewritten when a sweep is added."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tiernas.engines import Engine
from tiernas.errors import UsageError
from tiernas.latency.factors.study import FactorSweep
from tiernas.latency.factors.variants import Base
from tiernas.text_file import replace_text

FORMAT_VERSION = 2
"""Studies of format 1 measured one network after the other and have no ratios."""

_AWAY = "choose another output, or delete the file"


def read(path: Path, base: Base, engines: Sequence[Engine]) -> list[FactorSweep]:
    """The sweeps of a file that these engines can continue; empty if there is no file.

    Raises:
        UsageError: The file is not a factor study, belongs to another base or a newer version, or was measured with
            other fingerprints than those of the engines.
    """
    if not path.exists():
        return []
    document = _document(path)
    try:
        old = (document["architecture"], document["num_classes"])
        sweeps = [FactorSweep.from_dict(sweep) for sweep in document["blocks"]]
    except UsageError as error:
        raise UsageError(f"{path}: is damaged ({error}); {_AWAY}") from error
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{path}: is damaged (key {error} is missing or wrong); {_AWAY}") from error
    if old != _base(base):
        raise UsageError(f"{path}: is the study of another base, {document.get('base')}; {_AWAY}")
    for engine in engines:
        for sweep in sweeps:
            _require_same_device(path, sweep, engine)
    return sweeps


def write(path: Path, base: Base, sweeps: Sequence[FactorSweep]) -> None:
    """Writes a file atomically.

    Raises:
        UsageError: The folder cannot be written; an older file is left untouched.
    """
    architecture, num_classes = _base(base)
    document = {
        "tiernas_factors": FORMAT_VERSION,
        "base": base.name,
        "architecture": architecture,
        "num_classes": num_classes,
        "blocks": [sweep.to_dict() for sweep in sweeps],
    }
    try:
        replace_text(path, json.dumps(document, indent=1) + "\n")
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror}); free some space or choose another folder"
        ) from error


def _document(path: Path) -> dict[str, Any]:
    try:
        document: Any = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not a JSON document ({error}); {_AWAY}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); {_AWAY}") from error
    if not isinstance(document, dict) or not isinstance(found := document.get("tiernas_factors"), int):
        raise UsageError(f"{path}: is not a factor study: it has no key 'tiernas_factors'; {_AWAY}")
    if found > FORMAT_VERSION:
        raise UsageError(
            f"{path}: has format {found}; this version reads up to {FORMAT_VERSION}: update tiernas, or {_AWAY}"
        )
    if found < FORMAT_VERSION:
        raise UsageError(f"{path}: is of an earlier version, which did not interleave measurements; {_AWAY}")
    return document


def _base(base: Base) -> tuple[dict[str, Any], int]:
    return json.loads(json.dumps(asdict(base.architecture))), base.num_classes


def _require_same_device(path: Path, sweep: FactorSweep, engine: Engine) -> None:
    """A file has one fingerprint per engine and precision, and the same batch size and number of threads throughout."""
    here = engine.fingerprint()
    there = sweep.fingerprint
    changed = there.differences(here)
    if (there.engine, there.precision) != (here.engine, here.precision):
        changed = {name: pair for name, pair in changed.items() if name in ("batch", "threads")}
    if changed:
        shown = "; ".join(f"{name} was {old}, is {new}" for name, (old, new) in changed.items())
        raise UsageError(f"{path}: {sweep.engine} was measured under other conditions ({shown}); {_AWAY}")
