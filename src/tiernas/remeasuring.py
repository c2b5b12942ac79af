"""Measures the networks again that a search has entered into its model table."""

from __future__ import annotations

from collections.abc import Sequence

from tiernas.config import SearchConfig
from tiernas.errors import NothingFoundError, UsageError
from tiernas.latency import LatencyTable
from tiernas.ledger import Ledger, Purpose
from tiernas.report.report import own_entries
from tiernas.spaces import get_space
from tiernas.table import Entry, ModelTable
from tiernas.table.remeasure import Remeasured, remeasure


def remeasure_table(table: ModelTable, names: Sequence[str], limit_s: float) -> Remeasured:
    """Measures entries of a model table again, on the scale of anchors for networks of any space.

    Args:
        table: The table.
        names: Names of the entries; empty for all.
        limit_s: Time limit per network in seconds.

    Raises:
        UsageError: There is no such table.
        NothingFoundError: It has no entries, or none with one of the names.
    """
    return remeasure(table, _chosen(table, table.entries(), names, "no entries"), limit_s=limit_s)


def remeasure_search(config: SearchConfig, names: Sequence[str], limit_s: float | None = None) -> Remeasured:
    """Measures the entries of a search again, on the scale of its latency table.

    Args:
        config: The search.
        names: Names of the entries; empty for all of the search.
        limit_s: Time limit per network in seconds; by default that of the search.

    Raises:
        UsageError: The search is running: it would disturb the measurements.
        NothingFoundError: The search has not started, or has no entries, or none with one of the names.
    """
    with Ledger.of_begun_search(config.ledger) as ledger:
        serving = ledger.serving()
        if serving is not None and serving.alive:
            raise UsageError(
                f"study {config.study.name}: {serving.server} is running it, and training disturbs measurements; "
                "remeasure after its end"
            )
        entered = [purpose for purpose in Purpose if purpose.is_entered]
        digests = {c.digest for study in ledger.studies() for each in entered for c in ledger.candidates(study, each)}
    table = ModelTable(config.table.path)
    own = own_entries(config, table.entries() if table.path.exists() else (), digests)
    entries = _chosen(table, own, names, f"no entries of the search {config.study.name} yet")
    latencies = LatencyTable.load(config.latency_table_path, get_space(config.space_name))
    return remeasure(table, entries, limit_s=limit_s or config.finalists.measure_seconds, ladder=latencies.ladder)


def _chosen(table: ModelTable, entries: Sequence[Entry], names: Sequence[str], none: str) -> Sequence[Entry]:
    """The entries with the names, or all of them."""
    there = {entry.name: entry for entry in entries}
    if not there:
        raise NothingFoundError(f"model table {table.path}: {none}")
    for name in names:
        if name not in there:
            raise NothingFoundError(
                f"model table {table.path}: no entry {name!r} to measure; there are: {', '.join(there)}"
            )
    return [there[name] for name in dict.fromkeys(names)] if names else entries
