"""Output of commands: results on stdout (one JSON document with --json), everything else on stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table
from rich.text import Text

from tiernas.plain import PlainFormatter, plain_json, plain_text

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

_UNBOUNDED = 10**6
"""Width of a terminal into which any table fits."""

out = Console()
err = Console(stderr=True)


def print_json(document: Any) -> None:
    """Prints one JSON document on stdout."""
    json.dump(plain_json(document), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def print_table(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str], title: str | None = None) -> None:
    """Prints rows as a table; see `make_table`."""
    out.print(make_table(rows, columns, title))


def print_named(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str], title: str) -> None:
    """Prints rows whose first column is a name to copy, which is never folded.

    If the terminal is too narrow for a table, each name has a line of its own, followed by a line with the other values
    and their headings.

    Args:
        rows: One mapping per row.
        columns: Heading of each key that is shown, in order; also the unit behind the value, such as "px".
        title: Line above the rows.
    """
    table = make_table(rows, columns, title)
    if out.measure(table, options=out.options.update(max_width=_UNBOUNDED)).maximum <= out.width:
        out.print(table)
        return
    name, *others = columns
    values = [[f"{row[key]} {columns[key]}".strip() if row[key] != "" else "" for key in others] for row in rows]
    widths = [max(map(len, column)) for column in zip(*values, strict=True)]
    out.print(Text(plain_text(title), style="table.title"), soft_wrap=True)
    for row, of_row in zip(rows, values, strict=True):
        aligned = "  ".join(value.ljust(width) for value, width in zip(of_row, widths, strict=True))
        for line in (str(row[name]), f"  {aligned.rstrip()}"):
            out.print(Text(plain_text(line)), soft_wrap=True)


def make_table(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str], title: str | None = None) -> Table:
    """A table of rows.

    Args:
        rows: One mapping per row.
        columns: Heading of each key that is shown, in order.
        title: Line above the table.
    """
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold")  # a truncated name cannot be copied
    for row in rows:
        table.add_row(*(_cell(row.get(key)) for key in columns))
    return table


def log_to_stderr() -> None:
    """Sends the log of tiernas to stderr: drawn by rich on a terminal, plain lines elsewhere."""
    logger = logging.getLogger("tiernas")
    if err.is_terminal:
        handler: logging.Handler = RichHandler(console=err, show_path=False, show_level=False)
        handler.setFormatter(PlainFormatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(PlainFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger.handlers = [handler]
    logger.propagate = False  # a library may add a handler to the root logger, which would print every line twice
    logger.setLevel(logging.INFO)


def _cell(value: object) -> str | Text:
    if value is None:
        return "-"
    return Text(f"{value:.4g}" if isinstance(value, float) else plain_text(str(value)))  # text may look like markup
