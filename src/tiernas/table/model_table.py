"""The model table: a folder with one folder per entry, so that it can be read, compared and shared."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tiernas import networks
from tiernas.errors import NothingFoundError, UsageError
from tiernas.spaces import read_architecture
from tiernas.storage import read_tensors, write_tensors
from tiernas.table.entry import Entry
from tiernas.table.query import Query, answers
from tiernas.temporary import owned_folder
from tiernas.text_file import replace_text

_log = logging.getLogger(__name__)

_ENTRY, _ARCHITECTURE, _WEIGHTS = "entry.json", "architecture.json", "weights.safetensors"
_FILES = (_ENTRY, _ARCHITECTURE, _WEIGHTS)
_ONNX = "network.onnx"
"""The file of a network that was added as ONNX; it has neither architecture nor weights of ours."""
_ARTEFACT = "artefact"
_ANEW = "remove the folder and search again to rewrite it"


@dataclass(frozen=True, slots=True)
class DamagedEntry:
    """The folder of an entry that cannot be read.

    Attributes:
        name: Name of the folder.
        reason: What is wrong with it, and where.
    """

    name: str
    reason: str


class ModelTable:
    """Entries in a folder.

    Args:
        path: The folder; created when the first entry is added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Sequence[Entry], Sequence[DamagedEntry]]:
        """All entries, fastest first, and what cannot be read.

        Raises:
            UsageError: There is no such folder, or permission to read it is missing.
        """
        try:
            folders = sorted(path for path in self.path.iterdir() if not path.name.startswith(".") and path.is_dir())
        except FileNotFoundError as error:
            raise UsageError(
                f"model table {self.path}: there is no such folder; `tiernas search` creates one, --table names another"
            ) from error
        except OSError as error:
            raise UsageError(f"model table {self.path}: cannot be read ({error.strerror})") from error
        entries, damaged = [], []
        for folder in folders:
            try:
                entry = _read(folder)
            except UsageError as error:
                damaged.append(DamagedEntry(_printable(folder.name), str(error)))
            else:
                entries += [entry] if entry else []
        return sorted(entries, key=lambda e: e.latency_ms), damaged

    def entries(self) -> Sequence[Entry]:
        """All entries that can be read, fastest first; logs a warning for each of the others.

        Raises:
            UsageError: As `read`.
        """
        entries, damaged = self.read()
        for bad in damaged:
            _log.warning("model table %s: skipped %s: %s", self.path, bad.name, bad.reason)
        return entries

    def get(self, name: str) -> Entry:
        """The entry with this name.

        Raises:
            UsageError: It cannot be read, or as `read`.
            NothingFoundError: There is none.
        """
        entries, damaged = self.read()
        for entry in entries:
            if entry.name == name:
                return entry
        for bad in damaged:
            if bad.name == name:
                raise UsageError(f"model table {self.path}: {bad.name}: {bad.reason}")
        names = ", ".join(entry.name for entry in entries) or "it is empty"
        raise NothingFoundError(f"model table {self.path}: no entry {name!r}; there are: {names}")

    def query(self, query: Query) -> Entry:
        """The entry that answers a query best, the first of `answers`."""
        return self.answers(query)[0]

    def answers(self, query: Query) -> Sequence[Entry]:
        """The entries that meet a query, best first; see `tiernas.table.query.answers`.

        Raises:
            UsageError: As `read`.
            AmbiguousQueryError: The matching entries cannot be compared.
            NothingFoundError: Nothing meets it.
        """
        return answers(query, self.entries(), f"model table {self.path}")

    def network(self, entry: Entry) -> networks.Network:
        """The trained network of an entry, in evaluation mode.

        Raises:
            UsageError: Architecture or weights are missing, damaged, or belong to another network; it was added from
                outside, so there are none.
        """
        if not entry.has_weights:
            raise UsageError(f"entry {entry.name}: was added as {entry.network}; the table has no weights of it")
        folder = self.path / entry.name
        architecture = read_architecture(folder / _ARCHITECTURE)
        if (architecture.digest, architecture.resolution) != (entry.architecture_digest, entry.resolution):
            raise UsageError(f"model table: {folder / _ARCHITECTURE} is not the network of {_ENTRY}; {_ANEW}")
        stored = read_tensors(folder / _WEIGHTS)
        if stored is None:
            raise UsageError(f"model table: {folder / _WEIGHTS} is missing or damaged; {_ANEW}")
        network = networks.build(architecture, len(entry.classes))
        try:
            network.load_state_dict(stored[0])
        except RuntimeError as error:
            raise UsageError(f"model table: {folder / _WEIGHTS} is not the network of {_ENTRY}; {_ANEW}") from error
        return network.eval()

    def is_whole(self, entry: Entry) -> bool:
        """Whether the network of an entry can be read, and its deployed files exist."""
        try:
            self.network(entry)
        except UsageError:
            return False
        return self.artefact_path(entry).exists()

    def weights_path(self, entry: Entry) -> Path:
        """The weights of an entry, as safetensors."""
        return self.path / entry.name / _WEIGHTS

    def onnx_path(self, entry: Entry) -> Path:
        """The file of a network that was added as ONNX."""
        return self.path / entry.name / _ONNX

    def artefact_path(self, entry: Entry) -> Path:
        """The folder of an entry's deployed files, see `tiernas.artefact`; entries of earlier versions have none."""
        return self.path / entry.name / _ARTEFACT

    def add(self, entry: Entry, network: networks.Network, artefact: Path | None = None) -> None:
        """Adds an entry that a search found, or replaces the same one (`Entry.same`); completely or not at all.

        Args:
            entry: The entry.
            network: Its trained network.
            artefact: Folder of what was measured, see `tiernas.artefact`; it is copied.

        Raises:
            UsageError: The folder cannot be written, or another entry has the name.
        """
        with self._replacing(entry, artefact) as new:
            (new / _ARCHITECTURE).write_text(network.architecture.to_json() + "\n", "utf-8")
            write_tensors(new / _WEIGHTS, network.state_dict(), {"architecture": entry.architecture_digest})

    def add_named(self, entry: Entry, onnx: Path | None = None, artefact: Path | None = None) -> None:
        """Like `add`, for a network that no search found (`Entry.network`).

        Args:
            entry: The entry.
            onnx: The network, if it is an ONNX file; it is copied.
            artefact: As in `add`.

        Raises:
            UsageError: As `add`.
        """
        with self._replacing(entry, artefact) as new:
            if onnx is not None:
                shutil.copyfile(onnx, new / _ONNX)

    def update(self, entry: Entry) -> None:
        """Replaces the figures of an entry that is in the table (`Entry.same`); its network stays.

        Raises:
            UsageError: It is not there any more, or the folder cannot be written.
        """
        target = self.path / entry.name
        self._require_free(target, entry)
        if not (target / _ENTRY).is_file():
            raise UsageError(f"model table {self.path}: {entry.name} was removed meanwhile")
        try:
            replace_text(target / _ENTRY, entry.to_json())
        except OSError as error:
            raise UsageError(f"model table {self.path}: cannot be written ({error.strerror})") from error

    @contextmanager
    def _replacing(self, entry: Entry, artefact: Path | None) -> Iterator[Path]:
        """A new folder, which becomes that of the entry at the end."""
        target = self.path / entry.name
        self._require_free(target, entry)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with owned_folder(".new-", self.path) as folder:
                new, old = folder / "new", folder / "old"
                new.mkdir()
                yield new
                if artefact is not None:
                    shutil.copytree(artefact, new / _ARTEFACT)
                (new / _ENTRY).write_text(entry.to_json(), "utf-8")
                if target.exists():
                    os.rename(target, old)
                os.rename(new, target)
        except OSError as error:
            raise UsageError(f"model table {self.path}: cannot be written ({error.strerror})") from error

    def _require_free(self, target: Path, entry: Entry) -> None:
        try:
            there = _read(target)
        except UsageError:
            return  # damaged: rewritten
        if there is not None and not there.same(entry):
            raise UsageError(
                f"model table {self.path}: {entry.name} exists already, as another network or measured elsewhere; it "
                "is not replaced: remove it, or choose another study.name or table.path"
            )


def _read(folder: Path) -> Entry | None:
    """The entry of a folder; None if the folder contains no file of an entry.

    Raises:
        UsageError: It cannot be read, lacks a file, or was renamed.
    """
    try:
        missing = [name for name in (*_FILES, _ONNX) if not (folder / name).is_file()]
    except OSError as error:
        raise UsageError(f"cannot be read ({error.strerror})") from error
    if set(missing) >= set(_FILES):
        return None
    if _ENTRY in missing:
        raise UsageError(f"{_ENTRY} missing")
    try:
        entry = Entry.from_json((folder / _ENTRY).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{_ENTRY}: not UTF-8") from error
    except OSError as error:
        raise UsageError(f"{_ENTRY}: cannot be read ({error.strerror})") from error
    except UsageError as error:
        raise UsageError(f"{_ENTRY}: {error}") from error
    if entry.name != folder.name:
        raise UsageError(f"{_ENTRY} names it {entry.name!r}: rename the folder back")
    if lacking := [name for name in _needed(entry) if name in missing]:
        raise UsageError(f"{' and '.join(lacking)} missing")
    return entry


def _needed(entry: Entry) -> tuple[str, ...]:
    """The files that an entry must have besides its own."""
    if entry.has_weights:
        return _ARCHITECTURE, _WEIGHTS
    return (_ONNX,) if entry.is_kept else ()


def _printable(name: str) -> str:
    """The name of a file, whose bytes may not be UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()
