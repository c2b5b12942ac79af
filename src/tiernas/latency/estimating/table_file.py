"""The latency table's file: JSON lines, a header and one measured network per line, so that it diffs and merges.

Lines are appended as networks are measured. An incomplete last line, left by an interruption, is dropped; any other
damage is an error. The file contains only measurements, no fit, so later versions can refit it.
"""

from __future__ import annotations

import json
import logging
import os
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tiernas.blocks import Block
from tiernas.engines import Fingerprint, Measurement
from tiernas.engines.measurement import MOST_MS, is_time_ms
from tiernas.errors import UsageError, about
from tiernas.latency.measuring.observation import Observation
from tiernas.spaces import PARENT, SPACE_FILE, SearchSpace, get_space, read_space, space_names
from tiernas.spaces.catalogue import SPACES
from tiernas.spaces.space_file import is_space_file
from tiernas.text_file import replace_text

FORMAT_VERSION = 1

_log = logging.getLogger(__name__)
_DIGITS = 6
"""Decimals of a time in ms, down to nanoseconds; digits of a ratio."""
_MOST = 2**63
"""Exclusive upper bound of integers."""
_OF_PLUGINS = ("space_reference", "space_package")
"""Keys of a header that are written only for plug-in spaces."""
_KINDS: dict[type, str] = {str: "a string", int: "a whole number", list: "a list", dict: "an object"}


@dataclass(frozen=True, slots=True)
class Header:
    """What all networks of a file have in common.

    Attributes:
        space: Name of the search space.
        num_classes: Number of classes of the measured networks.
        seed: Seed of the Sobol sequence from which the networks are taken.
        fingerprint: What they were measured on.
        tiernas: Version that created the file.
        space_digest: `SearchSpace.digest` of the space; None in files of earlier versions.
        space_reference: `package.module:object` of a space that is not built in; None if unknown.
        space_package: The package that provided it at the time, with its version; None if unknown.
    """

    space: str
    num_classes: int
    seed: int
    fingerprint: Fingerprint
    tiernas: str
    space_digest: str | None = None
    space_reference: str | None = None
    space_package: str | None = None

    def require_space(self, space: SearchSpace) -> None:
        """Refuses a space other than the file's.

        Raises:
            UsageError: The space has another name, or is a different one of the same name.
        """
        if space.name != self.space:
            offer = SPACES.offer_of(space)
            way = f"tiernas latency build --space {offer.name}" if offer else "tiernas.latency.build_table"
            raise UsageError(
                f"the latency table was built for space {self.space!r}, not {space.name!r}; build one with: {way}"
            )
        if self.space == PARENT and self.space_digest != space.digest:
            raise UsageError(
                "the latency table was built around another parent, or with other resolutions or channel percentages; "
                f"build one with: tiernas latency build --space {SPACE_FILE}"
            )
        if self.space_digest not in (None, space.digest):
            raise UsageError(
                f"the latency table was built for another space that was also called {self.space!r}, with other values "
                f"or networks{self._then_and_now(space)}; give the two different names, and build a table for each"
            )

    def _then_and_now(self, space: SearchSpace) -> str:
        offer = SPACES.offer_of(space)
        now = (offer.package or offer.reference) if offer else None
        then = self.space_package or self.space_reference
        return f" (of {then}; this one is of {now or 'no package'})" if then else ""


@dataclass(frozen=True, slots=True)
class Record:
    """One line: a network and its observation."""

    vector: tuple[int, ...]
    observation: Observation

    def layers(self, space: SearchSpace) -> tuple[Block, ...]:
        """The network's layers, one for each of the observed times, if there are any.

        Raises:
            UsageError: The network is not in the space, or has a different number of layers.
        """
        layers = space.decode(self.vector).layers
        if self.observation.layer_ms and len(self.observation.layer_ms) != len(layers):
            raise UsageError(
                f"network {list(self.vector)} has {len(layers)} layers but {len(self.observation.layer_ms)} layer_ms"
            )
        return layers


def default_path(space: str, engine: str, precision: str, device: str | None = None) -> Path:
    """Default path of a table in commands: a file in the folder `latency` of the working directory.

    Args:
        space: Name of the space, or its file.
        engine: Name of the engine.
        precision: Its precision.
        device: Name of the folder in it for another device; None for this machine.
    """
    space = Path(space).stem if is_space_file(space) else space
    space, engine = (name.replace(":", ".") for name in (space, engine))
    return Path("latency") / (device or "") / f"{space}-{engine}-{precision}.jsonl"


def new_header(space: SearchSpace, num_classes: int, seed: int, fingerprint: Fingerprint) -> Header:
    """The header of a new file of this version."""
    try:
        tiernas = version("tiernas")
    except PackageNotFoundError:  # not installed, run from a source tree
        tiernas = "unknown"
    offer = SPACES.offer_of(space)
    reference, package = (None, None) if offer is None or offer.built_in else (offer.reference, offer.package)
    return Header(space.name, num_classes, seed, fingerprint, tiernas, space.digest, reference, package)


def create(path: Path, header: Header) -> None:
    """Atomically writes a file with a header and no networks.

    Raises:
        UsageError: The folder cannot be written.
    """
    line = {
        "tiernas_latency_table": FORMAT_VERSION,
        "space": header.space,
        "num_classes": header.num_classes,
        "seed": header.seed,
        "fingerprint": header.fingerprint.to_dict(),
        "tiernas": header.tiernas,
        "space_digest": header.space_digest,
        **{key: value for key in _OF_PLUGINS if (value := getattr(header, key)) is not None},
    }
    try:
        replace_text(path, json.dumps(line) + "\n")
    except OSError as error:
        raise _cannot_write(path, error) from error


def append(path: Path, record: Record) -> None:
    """Adds a line and flushes it to disk.

    Raises:
        UsageError: The file cannot be written.
    """
    line = {
        "vector": list(record.vector),
        "graph": record.observation.graph,
        **_rounded(asdict(record.observation.measurement)),
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
    """Removes an incomplete last line, so that lines can be appended."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        _log.warning("%s: dropped an incomplete last line", path)
        os.truncate(path, whole)


def read(path: Path, space: SearchSpace | None = None) -> tuple[Header, list[Record], SearchSpace]:
    """Header and records of a file, in the order of its lines, and their space.

    Args:
        path: The file.
        space: Its space; by default looked up by name, which works for built-in spaces, and for a space around a parent
            if its file is next to the table.

    Raises:
        UsageError: There is no such file, it is not a latency table, it was written by a newer version, it belongs to
            another space or to one that must be given, or a line is damaged (the message names the line).
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such latency table; measure one with: tiernas latency build")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    first, *lines = content.split(b"\n")[:-1] or [b""]
    header = _header(path, _json(path, 1, first))
    space = _space(path, header, space)
    records = [_record(path, number, _json(path, number, line), space) for number, line in enumerate(lines, start=2)]
    return header, records, space


def _space(path: Path, header: Header, space: SearchSpace | None) -> SearchSpace:
    with about(str(path)):
        if space is None and header.space == PARENT:
            space = read_space(path.with_name(SPACE_FILE))
        if space is None and header.space not in space_names():
            way = f"--space {header.space_reference}, or " if header.space_reference else ""
            raise UsageError(
                f"was built for a space of your own, {header.space!r}: give it with {way}LatencyTable.load(path, space)"
            )
        space = space or get_space(header.space)
        header.require_space(space)
    return space


def _header(path: Path, data: Mapping[str, Any]) -> Header:
    found = data.get("tiernas_latency_table")
    if not isinstance(found, int):
        raise UsageError(f"{path}: is not a latency table: line 1 has no key 'tiernas_latency_table'")
    if found > FORMAT_VERSION:
        raise UsageError(
            f"{path}: has format {found}, written by tiernas {data.get('tiernas', 'of a newer version')}; this version "
            f"reads formats up to {FORMAT_VERSION}: update tiernas, or rebuild the table"
        )
    try:
        digest = data.get("space_digest")
        return Header(
            _value(data, "space", str),
            _value(data, "num_classes", int, least=1),
            _value(data, "seed", int, least=0),
            Fingerprint.from_dict(_value(data, "fingerprint", dict)),
            _value(data, "tiernas", str),
            digest if digest is None else _value(data, "space_digest", str),
            *(data.get(key) and _value(data, key, str) for key in _OF_PLUGINS),
        )
    except UsageError as error:
        raise _damaged(path, 1, str(error)) from error


def _record(path: Path, number: int, data: Mapping[str, Any], space: SearchSpace) -> Record:
    try:
        vector = _value(data, "vector", list)
        if not all(type(value) is int and abs(value) < _MOST for value in vector):
            raise UsageError("vector: must be whole numbers")
        measurement, layer_ms = Measurement.from_dict(data), _value(data, "layer_ms", list)
        if not all(is_time_ms(ms, least_ms=0.0) for ms in layer_ms) or (layer_ms and not sum(layer_ms) > 0):
            raise UsageError(f"layer_ms: must be numbers of ms from 0 to {MOST_MS:g}, not all 0")
        times_ms = tuple(float(ms) for ms in layer_ms)
        record = Record(tuple(vector), Observation(_value(data, "graph", str), measurement, times_ms))
        record.layers(space)
    except UsageError as error:
        raise _damaged(path, number, str(error)) from error
    return record


def _value(data: Mapping[str, Any], key: str, kind: type, least: int | None = None) -> Any:
    """A value of a line, checked to be of this type."""
    if key not in data:
        raise UsageError(f"key {key!r} is missing")
    value = data[key]
    if type(value) is not kind or (least is not None and isinstance(value, int) and not least <= value < _MOST):
        allowed = _KINDS[kind] + ("" if least is None else f", at least {least}")
        raise UsageError(f"{key} = {reprlib.repr(value)}: must be {allowed}")
    return value


def _json(path: Path, number: int, line: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, number, "is not JSON") from error
    if not isinstance(data, dict):
        raise _damaged(path, number, "is not a JSON object")
    return data


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a measurement, or of its `in_turn`, rounded to significant digits."""
    found = dict(values)
    for key, value in values.items():
        if isinstance(value, float):
            found[key] = float(f"{value:.{_DIGITS}g}") if key.startswith("ratio") else round(value, _DIGITS)
    if found.get("in_turn"):
        found["in_turn"] = _rounded(found["in_turn"])
    return found


def _damaged(path: Path, number: int, what: str) -> UsageError:
    return UsageError(f"{path}: line {number} is damaged ({what}); delete the line, or rebuild the table")


def _cannot_write(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path}: cannot be written ({error.strerror}); free some space or choose another file")
