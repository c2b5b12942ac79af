"""The page of a model table: a table that is readable as it is, and what the script needs to filter and draw it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from tiernas import __version__
from tiernas.errors import UsageError
from tiernas.plain import plain_text
from tiernas.table.command import next_command
from tiernas.table.entry import MEASURED, Entry
from tiernas.table.model_table import DamagedEntry, ModelTable
from tiernas.table.page.record import LABELS, record, shown
from tiernas.table.ties import Standing, standings
from tiernas.text_file import replace_text

_GENERATOR = '<meta name="generator" content="tiernas">'
"""Marks a file that may be overwritten."""

_AT_FIRST = 'document.documentElement.classList.add("js")'
"""Runs before anything is drawn: what needs the script is shown, and only the first rows are laid out."""

_COLUMNS = {
    "name": "Name",
    "latency_ms": "Latency (ms)",
    "accuracy": "Accuracy",
    "device": "Device",
    "engine": "Engine",
    "precision": "Precision",
    "batch": "Batch",
    "threads": "Threads",
    "data": "Data",
    "resolution": "Input (px)",
    "params": "Parameters",
}
"""Columns of the table, by the keys of records."""

_MINOR = ("device", "engine", "batch", "threads", "data", "resolution", "params")
"""Columns that are left out on a phone; provenance has their values."""

_FILTERS = ("data", "device", "engine", "precision", "batch", "threads", "study", "source")

_NUMBERS = ("batch", "threads", "resolution", "params")

_IN_ROW = ("name", "advice", "recommended", "latency_ms", "accuracy", "source_url", "command")
"""Values that a row shows outside its provenance."""


def write_page(table: ModelTable, path: Path) -> Path:
    """Writes the page of a model table, replacing an earlier one.

    Args:
        table: The table.
        path: The HTML file to write; folders that are missing are created.

    Returns:
        The file.

    Raises:
        UsageError: The table cannot be read, or the file cannot be written or is not a page of tiernas.
    """
    entries, damaged = table.read()
    try:
        if path.exists() and _GENERATOR not in path.read_bytes()[:1000].decode("utf-8", "replace"):
            raise UsageError(
                f"page {path}: exists already and is not a page that tiernas wrote; it is kept. Choose another file, "
                "or move it away"
            )
        replace_text(path, page(entries, damaged, table.path))
    except OSError as error:
        raise UsageError(f"page {path}: cannot be written ({error.strerror})") from error
    return path


def page(entries: Sequence[Entry], damaged: Sequence[DamagedEntry], table: Path) -> str:
    """The page as one HTML document, which needs nothing else.

    Args:
        entries: The entries, in the order of the rows.
        damaged: What of the table cannot be read.
        table: Folder of the table, for its name and for commands.
    """
    names = _data_names(entries)
    records = [record(e, names[e.data, e.data_digest], next_command(table, e)) for e in entries]
    found = standings(entries)
    rows = "\n".join(_row(r, found.get(e.name)) for r, e in zip(records, entries, strict=True))
    style, script = _own("page.css"), _own("page.js")
    scripts = f"{_hash(_AT_FIRST)} {_hash(script)}"
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {scripts}; base-uri 'none'; form-action 'none'"
    title = _text(f"Model table {table.resolve().name}")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{_GENERATOR}
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<script>{_AT_FIRST}</script>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="quiet">{_summary(entries)}</p>
<form id="filters" class="js" aria-label="Filters" autocomplete="off">
{_filters(records)}
<label>Latency at most (ms) <input type="number" name="max_latency_ms" min="0" step="any"></label>
<label>Accuracy at least (%) <input type="number" name="min_accuracy" min="0" max="100" step="any"></label>
<button type="reset">Clear</button>
</form>
<p class="js"><span id="status" role="status"></span>
<button type="button" id="csv">Download CSV</button> <button type="button" id="json">Download JSON</button>
<span id="done" role="status"></span></p>
<p class="quiet">Below each figure stands its 95 % interval: accuracy was counted on a limited number of test images.
<b>Best</b> is the most accurate recommended entry for the same data, device, engine, batch size and threads; the test
images cannot tell whether those that are <b>tied</b> with it are less accurate. The accuracy of a <b>published</b>
entry is what its source says; only its latency was measured here.</p>
<div class="scroll" role="region" aria-label="Entries" tabindex="0">
<table id="entries">
<thead><tr>{_headings()}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
<p class="js"><button type="button" id="more" hidden>Show all rows</button></p>
<section id="comparison" class="js" aria-labelledby="comparison-title" hidden>
<h2 id="comparison-title">Comparison</h2>
<div class="scroll" role="region" aria-label="Compared entries" tabindex="0"><table id="compared"></table></div>
</section>
<section class="js" aria-labelledby="chart-title">
<h2 id="chart-title">Accuracy over latency</h2>
<p class="quiet">Bars are 95 % intervals, filled markers measured and hollow ones published accuracies. Each line joins
the entries that no faster one beats; it is dashed where the gain is a tie.</p>
<div class="scroll" role="region" aria-label="Chart" tabindex="0">
<svg id="chart" viewBox="0 0 720 400" role="img" aria-label="Accuracy over latency"></svg>
</div>
<p id="point" class="quiet"></p>
<ul id="legend"></ul>
</section>
{_damaged(damaged)}
</main>
<script type="application/json" id="data">{_json({"labels": LABELS, "records": records})}</script>
<script>{script}</script>
</body>
</html>
"""


def _own(name: str) -> str:
    return (files("tiernas.table.page") / name).read_text("utf-8")


def _hash(text: str) -> str:
    """The source expression that allows an inline style or script (W3C, Content Security Policy Level 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(text: str) -> str:
    return escape(plain_text(text), quote=True)


def _json(document: Any) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _data_names(entries: Collection[Entry]) -> dict[tuple[str, str], str]:
    """A name for data by name and digest: with the digest where other data have the same name."""
    pairs = {(e.data, e.data_digest) for e in entries}
    names = [name for name, _ in pairs]
    return {(name, digest): f"{name} ({digest})" if names.count(name) > 1 else name for name, digest in pairs}


def _summary(entries: Sequence[Entry]) -> str:
    if not entries:
        return "No entries."
    newest = max(e.created_at for e in entries)[:10]
    count = "1 entry" if len(entries) == 1 else f"{len(entries)} entries, the newest"
    return _text(f"{count} of {newest}. Written by tiernas {__version__}.")


def _filters(records: Sequence[dict[str, Any]]) -> str:
    parts = []
    for key in _FILTERS:
        options = "".join(
            f'<option value="{_text(str(v))}">{_text(str(v))}</option>' for v in sorted({r[key] for r in records})
        )
        parts.append(
            f'<label>{_text(LABELS[key])} <select name="{key}"><option value="">all</option>{options}</select></label>'
        )
    return "\n".join(parts)


def _headings() -> str:
    cells = ['<th scope="col" class="js">Compare</th>']
    for key, label in _COLUMNS.items():
        minor = ' class="minor"' if key in _MINOR else ""
        order = ' aria-sort="ascending"' if key == "latency_ms" else ""
        cells.append(
            f'<th scope="col" data-key="{key}"{minor}{order}><button type="button">{_text(label)}</button></th>'
        )
    return "".join(cells)


def _row(values: dict[str, Any], standing: Standing | None) -> str:
    name = _text(values["name"])
    cells = [
        f'<td class="js"><input type="checkbox" value="{name}" aria-label="Compare {name}"></td>',
        f'<th scope="row">{name}{_notes(values)}{_provenance(values)}</th>',
        f'<td class="number">{_figure(values, "latency_ms")}</td>',
        f'<td class="number">{_figure(values, "accuracy")} '
        f'<span class="rank">{standing.value if standing else ""}</span></td>',
    ]
    for key in list(_COLUMNS)[3:]:
        kinds = [kind for kind, keys in (("minor", _MINOR), ("number", _NUMBERS)) if key in keys]
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        cells.append(f"<td{kind}>{_text(f'{values[key]:,}' if key == 'params' else str(values[key]))}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _figure(values: dict[str, Any], key: str) -> str:
    """A figure with its interval."""
    if key == "latency_ms":
        interval = f"{values['latency_low_ms']:.3f}–{values['latency_high_ms']:.3f}"
        note = f"<small>{_text(values['latency_note'])}</small>" if values["latency_note"] else ""
        return f"{values[key]:.3f}<small>{interval}</small>{note}"
    if values["accuracy_low"] is None:
        return shown(key, values[key])
    interval = f"{100 * values['accuracy_low']:.1f}–{100 * values['accuracy_high']:.1f}"
    return f"{shown(key, values[key])}<small>{interval}</small>"


def _notes(values: dict[str, Any]) -> str:
    notes = [] if values["source"] == MEASURED else ["published"]
    notes += [] if values["recommended"] else ["not recommended"]
    shown_notes = "".join(f' <span class="note">{note}</span>' for note in notes)
    return shown_notes + (f"<small>{_text(values['advice'])}</small>" if values["advice"] else "")


def _provenance(values: dict[str, Any]) -> str:
    told = {label: shown(key, values[key]) for key, label in LABELS.items() if key not in _IN_ROW}
    facts = "\n".join(_text(f"{label}: {value}") for label, value in told.items() if value)
    return (
        f'<details><summary>Provenance<span class="away"> of {_text(values["name"])}</span></summary>'
        f'<p class="facts">{facts}</p>{_link(values)}<code>{_text(values["command"])}</code>'
        '<button type="button" class="copy js">Copy the command</button></details>'
    )


def _link(values: dict[str, Any]) -> str:
    """A link to the publication that the accuracy is from; followed only if it is clicked."""
    url = _text(values["source_url"])
    return f'<p><a href="{url}" rel="noreferrer">{url}</a></p>' if url else ""


def _damaged(damaged: Sequence[DamagedEntry]) -> str:
    if not damaged:
        return ""
    items = "".join(f"<li>{_text(bad.name)}: {_text(bad.reason)}</li>" for bad in damaged)
    return f"<h2>Cannot be read</h2>\n<ul>{items}</ul>"
