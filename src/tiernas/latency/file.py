"""The latency table's file: JSON lines, a header and one measured network per line, so that it diffs and merges.

Lines are appended as networks are measured. A line that a stop tore off at the end is dropped; any other damage is
an error. The file keeps what was measured and nothing that was fitted: a table can be refitted by later versions.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tiernas.engines import Fingerprint, Measurement
from tiernas.errors import UsageError
from tiernas.latency.observation import Observation

FORMAT_VERSION = 1

_log = logging.getLogger(__name__)
_DIGITS = 6
"""Decimals of a time in ms: nanoseconds."""


@dataclass(frozen=True, slots=True)
class Header:
    """What all networks of a file have in common.

    Attributes:
        space: Name of the search space.
        num_classes: Classes of the measured networks.
        seed: Seed of the Sobol sequence that the networks are taken from.
        fingerprint: What they were measured on.
        tiernas: Version that began the file.
    """

    space: str
    num_classes: int
    seed: int
    fingerprint: Fingerprint
    tiernas: str


@dataclass(frozen=True, slots=True)
class Record:
    """One line: a network and what was observed of it."""

    vector: tuple[int, ...]
    observation: Observation


def default_path(space: str, engine: str, precision: str) -> Path:
    """Where commands look for a table unless told: a file in the folder `latency` of the working directory."""
    return Path("latency") / f"{space}-{engine}-{precision}.jsonl"


def new_header(space: str, num_classes: int, seed: int, fingerprint: Fingerprint) -> Header:
    """The header of a file that this version begins."""
    try:
        tiernas = version("tiernas")
    except PackageNotFoundError:  # run from a source tree that is not installed
        tiernas = "unknown"
    return Header(space, num_classes, seed, fingerprint, tiernas)


def create(path: Path, header: Header) -> None:
    """Writes a file with a header and no networks; all of it or nothing.

    Raises:
        UsageError: The folder cannot be written.
    """
    line = {"tiernas_latency_table": FORMAT_VERSION} | asdict(header) | {"fingerprint": header.fingerprint.to_dict()}
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(line) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise _cannot_write(path, error) from error


def append(path: Path, record: Record) -> None:
    """Adds a line; when this returns, the line is on the disk.

    Raises:
        UsageError: The file cannot be written.
    """
    measurement = {k: round(v, _DIGITS) if isinstance(v, float) else v for k, v in _measured(record).items()}
    line = {
        "vector": list(record.vector),
        "graph": record.observation.graph,
        **measurement,
        "layer_ms": [round(ms, _DIGITS) for ms in record.observation.layer_ms],
    }
    try:
        with path.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _cannot_write(path, error) from error


def drop_torn_line(path: Path) -> None:
    """Cuts off what follows the last line break, so that lines can be appended."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        _log.warning("%s: dropped a last line that was cut off while it was written", path)
        os.truncate(path, whole)


def read(path: Path) -> tuple[Header, list[Record]]:
    """Header and records of a file, in the order of its lines.

    Raises:
        UsageError: There is no such file, it is no latency table, it was written by a newer version, or a line is
            damaged (names the line).
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such latency table; measure one with: tiernas latency build")
    first, *lines = path.read_bytes().split(b"\n")[:-1] or [b""]
    header = _header(path, _json(path, 1, first))
    return header, [_record(path, number, _json(path, number, line)) for number, line in enumerate(lines, start=2)]


def _header(path: Path, data: Mapping[str, Any]) -> Header:
    found = data.get("tiernas_latency_table")
    if not isinstance(found, int):
        raise UsageError(f"{path}: is no latency table: line 1 has no key 'tiernas_latency_table'")
    if found > FORMAT_VERSION:
        raise UsageError(
            f"{path}: has format {found}, written by tiernas {data.get('tiernas', 'of a newer version')}; this version "
            f"reads formats up to {FORMAT_VERSION}: update tiernas, or build the table anew"
        )
    try:
        values = {f.name: data[f.name] for f in fields(Header)}
        return Header(**{**values, "fingerprint": Fingerprint.from_dict(data["fingerprint"])})
    except (KeyError, TypeError) as error:
        raise _damaged(path, 1, f"key {error} is missing or wrong") from error


def _record(path: Path, number: int, data: Mapping[str, Any]) -> Record:
    try:
        measurement = Measurement(**_known(data))
        layer_ms = tuple(float(ms) for ms in data["layer_ms"])
        record = Record(tuple(int(v) for v in data["vector"]), Observation(str(data["graph"]), measurement, layer_ms))
        positive = measurement.latency_ms > 0 and min(layer_ms) >= 0 and max(layer_ms) > 0
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, number, f"key {error} is missing or wrong") from error
    if not positive:
        raise _damaged(path, number, "its times are not positive")
    return record


def _known(data: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a measurement; those that older files lack have defaults."""
    optional = {f.name for f in fields(Measurement) if f.default is not MISSING or f.default_factory is not MISSING}
    return {f.name: data[f.name] for f in fields(Measurement) if f.name in data or f.name not in optional}


def _json(path: Path, number: int, line: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise _damaged(path, number, "is not JSON") from error
    if not isinstance(data, dict):
        raise _damaged(path, number, "is no JSON object")
    return data


def _measured(record: Record) -> dict[str, Any]:
    return asdict(record.observation.measurement)


def _damaged(path: Path, number: int, what: str) -> UsageError:
    return UsageError(f"{path}: line {number} is damaged ({what}); delete the line, or build the table anew")


def _cannot_write(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path}: cannot be written ({error.strerror}); free some space or choose another file")
