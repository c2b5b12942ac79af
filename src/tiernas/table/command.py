"""Suggested next commands."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from tiernas.rounding import rounded_up
from tiernas.table.entry import Entry
from tiernas.table.location import DEFAULT_TABLE
from tiernas.table.query import conditions, differing, options


def query_command(table: Path, entry: Entry, entries: Sequence[Entry]) -> str:
    """A query with a budget that an entry meets, and options that exclude what it must not be compared with.

    Args:
        table: Folder of the model table.
        entry: A recommended entry.
        entries: All entries of the table, including this one.
    """
    choices = conditions([entry, *entries])
    chosen = options(choices[0], differing(choices))
    words = ["tiernas table query", f"--max-latency-ms {rounded_up(entry.latency_ms)}", chosen, _where(table)]
    return " ".join(filter(None, words))


def export_command(table: Path, entry: Entry) -> str:
    """The command that exports an entry."""
    return " ".join(filter(None, [f"tiernas table export {entry.name} --output deploy", _where(table)]))


def measure_command(entry: Entry) -> str:
    """The command that measures the network of an entry again that is not in the table itself."""
    words = ["tiernas", "latency", "measure", entry.network, "--resolution", str(entry.resolution)]
    words += ["--engine", entry.engine, "--precision", entry.precision]
    return shlex.join([*words, "--batch", str(entry.batch), "--threads", str(entry.threads)])


def next_command(table: Path, entry: Entry) -> str:
    """The command that exports an entry, or that measures it again if the table does not have the network."""
    return export_command(table, entry) if entry.is_kept else measure_command(entry)


def _where(table: Path) -> str:
    return "" if table.resolve() == DEFAULT_TABLE.resolve() else f"--table {shlex.quote(str(table))}"
