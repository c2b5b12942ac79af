"""The model table: a folder with one folder per entry, so that it can be read, diffed and shared."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tiernas import networks
from tiernas.errors import NothingFoundError, UsageError
from tiernas.spaces import Architecture
from tiernas.storage import read_tensors, write_tensors
from tiernas.table.entry import Entry

_ENTRY, _ARCHITECTURE, _WEIGHTS = "entry.json", "architecture.json", "weights.safetensors"


@dataclass(frozen=True, slots=True)
class Query:
    """What an engineer asks for. Fields that are not set match every entry.

    Attributes:
        max_latency_ms: Largest median latency.
        min_accuracy: Smallest accuracy, 0 to 1.
        device: Part of the device's name, in any case.
        engine: Deployment engine.
        precision: Precision.
        batch: Images per inference.
        data: Data set.
    """

    max_latency_ms: float | None = None
    min_accuracy: float | None = None
    device: str | None = None
    engine: str | None = None
    precision: str | None = None
    batch: int | None = None
    data: str | None = None

    def comparable(self, entry: Entry) -> bool:
        """Whether an entry is on the device, engine, precision, batch and data asked for."""
        exact = ("engine", "precision", "batch", "data")
        same = all(getattr(self, key) in (None, getattr(entry, key)) for key in exact)
        return same and (self.device is None or self.device.lower() in entry.device.lower())

    def met_by(self, entry: Entry) -> bool:
        """Whether an entry is comparable, recommended and within the budget."""
        fast = self.max_latency_ms is None or entry.latency_ms <= self.max_latency_ms
        accurate = self.min_accuracy is None or entry.accuracy >= self.min_accuracy
        return self.comparable(entry) and entry.recommended and fast and accurate


class ModelTable:
    """Entries in a folder.

    Args:
        path: The folder; made when the first entry is added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> Sequence[Entry]:
        """All entries, fastest first.

        Raises:
            UsageError: An entry cannot be read; the message names its file.
        """
        found = []
        for file in sorted(self.path.glob(f"*/{_ENTRY}")):
            try:
                found.append(Entry.from_json(file.read_text(encoding="utf-8")))
            except (UsageError, OSError) as error:
                raise UsageError(f"model table: {file}: {error}") from error
        return sorted(found, key=lambda e: e.latency_ms)

    def get(self, name: str) -> Entry:
        """The entry of a name.

        Raises:
            NothingFoundError: There is none.
        """
        entries = {entry.name: entry for entry in self.entries()}
        if name in entries:
            return entries[name]
        names = ", ".join(entries) or "it is empty"
        raise NothingFoundError(f"model table {self.path}: no entry {name!r}; there are: {names}")

    def query(self, query: Query) -> Entry:
        """The most accurate entry that meets a query; of equally accurate ones the fastest.

        Raises:
            NothingFoundError: Nothing meets it; the message names the nearest entry and what it misses.
        """
        entries = self.entries()
        met = [e for e in entries if query.met_by(e)]
        if met:
            return max(met, key=lambda e: (e.accuracy, -e.latency_ms))
        raise NothingFoundError(self._nothing(query, entries))

    def _nothing(self, query: Query, entries: Sequence[Entry]) -> str:
        if not entries:
            return f"model table {self.path} has no entries; `tiernas search` makes some"
        comparable = [e for e in entries if query.comparable(e)]
        if not comparable:
            there = sorted({f"{e.device}, {e.engine} {e.precision}, batch {e.batch}, {e.data}" for e in entries})
            return f"model table {self.path} has nothing for that device, engine and data; it has: " + "; ".join(there)
        accurate = [e for e in comparable if query.min_accuracy is None or e.accuracy >= query.min_accuracy]
        nearest = min(accurate, key=lambda e: e.latency_ms) if accurate else max(comparable, key=lambda e: e.accuracy)
        misses = []
        if query.max_latency_ms is not None and nearest.latency_ms > query.max_latency_ms:
            misses.append(f"takes {nearest.latency_ms:.3g} ms, more than {query.max_latency_ms:g} ms")
        if query.min_accuracy is not None and nearest.accuracy < query.min_accuracy:
            misses.append(f"has an accuracy of {nearest.accuracy:.4f}, less than {query.min_accuracy:g}")
        if not nearest.recommended:
            misses.append(f"is not recommended: {nearest.advice}")
        return f"nothing in model table {self.path} meets that; the nearest, {nearest.name}, {' and '.join(misses)}"

    def network(self, entry: Entry) -> networks.ConvNet:
        """The trained network of an entry, in evaluation mode.

        Raises:
            UsageError: Its weights are missing or damaged.
        """
        folder = self.path / entry.name
        network = networks.build(
            Architecture.from_json((folder / _ARCHITECTURE).read_text("utf-8")), len(entry.classes)
        )
        stored = read_tensors(folder / _WEIGHTS)
        if stored is None:
            raise UsageError(f"model table: {folder / _WEIGHTS} is missing or damaged; search again to write it anew")
        network.load_state_dict(stored[0])
        return network.eval()

    def weights_path(self, entry: Entry) -> Path:
        """The weights of an entry, as safetensors."""
        return self.path / entry.name / _WEIGHTS

    def add(self, entry: Entry, network: networks.ConvNet) -> None:
        """Adds an entry, or replaces the one of its name; whole or not at all.

        Args:
            entry: The entry.
            network: Its trained network.

        Raises:
            UsageError: The folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.path, prefix=".new-") as folder:
                new, old = Path(folder) / "new", Path(folder) / "old"
                new.mkdir()
                (new / _ARCHITECTURE).write_text(network.architecture.to_json() + "\n", "utf-8")
                write_tensors(new / _WEIGHTS, network.state_dict(), {"architecture": entry.architecture_digest})
                (new / _ENTRY).write_text(entry.to_json(), "utf-8")
                target = self.path / entry.name
                if target.exists():
                    os.rename(target, old)
                os.rename(new, target)
        except OSError as error:
            raise UsageError(f"model table {self.path}: cannot be written ({error.strerror})") from error
