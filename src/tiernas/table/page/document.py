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
from tiernas.table.speed_up import speed_ups, speed_words
from tiernas.table.ties import Standing, standings
from tiernas.text_file import replace_text

_GENERATOR = '<meta name="generator" content="tiernas">'
"""Marks a file that may be overwritten."""

_AT_FIRST = 'document.documentElement.classList.add("js")'
"""Runs before anything is drawn: what needs the script is shown, and only the first rows are laid out."""

_FIGURES = ("latency_ms", "accuracy")
"""Columns beside the name that always stand."""

_COLUMNS = ("device", "engine", "precision", "batch", "threads", "data", "resolution", "params")
"""Columns that stand if the entries differ in them; the keys of records."""

_FILTERS = ("data", "device", "engine", "precision", "batch", "threads", "study", "source")
"""Filters that stand if the entries differ in them."""

_CONSTANTS = tuple(dict.fromkeys((*_COLUMNS, *_FILTERS)))
"""What is said once, above the table, if it is the same in all entries."""

_NUMBERS = ("batch", "threads", "resolution", "params")

_IN_ROW = ("name", "advice", "speed_up", "recommended", "latency_ms", "accuracy", "source_url", "command")
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
    against = speed_ups(entries)
    records = [
        record(e, names[e.data, e.data_digest], next_command(table, e), speed_words(against.get(e.name)))
        for e in entries
    ]
    found = standings(entries)
    differing = [key for key in _CONSTANTS if len({r[key] for r in records}) > 1]
    columns = [key for key in _COLUMNS if key in differing]
    rows = "\n".join(_row(r, found.get(e.name), columns) for r, e in zip(records, entries, strict=True))
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
{_common(records, differing)}
<form id="filters" class="js" aria-label="Filters" autocomplete="off">
{_filters(records, [key for key in _FILTERS if key in differing])}
<label>Latency at most (ms) <input type="number" name="max_latency_ms" min="0" step="any"></label>
<label>Accuracy at least (%) <input type="number" name="min_accuracy" min="0" max="100" step="any"></label>
<button type="reset">Clear</button>
</form>
<div id="bar" class="js">
<span id="status" role="status"></span>
<button type="button" id="csv">Download CSV</button>
<button type="button" id="json">Download JSON</button>
<span id="done" role="status"></span>
</div>
<p class="quiet">Below each figure stands its 95 % interval: accuracy was counted on a limited number of test images.
<b>Best</b> is the most accurate recommended entry for the same data, device, engine, batch size and threads; the test
images cannot tell whether those that are <b>tied</b> with it are less accurate. The accuracy of a <b>published</b>
entry is what its source says; only its latency was measured here. A <b>rival</b> is a known network that a search
trained and measured like its own.</p>
<div class="scroll" role="region" aria-label="Entries" tabindex="0">
<table id="entries">
<thead><tr>{_headings(columns)}</tr></thead>
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
<svg id="chart" role="img" aria-label="Accuracy over latency"></svg>
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


def _common(records: Sequence[dict[str, Any]], differing: Collection[str]) -> str:
    """What is the same in all entries, said once."""
    if not records:
        return ""
    told = {key: _value(records[0], key) for key in _CONSTANTS if key not in differing}
    facts = "".join(f"<div><dt>{_text(LABELS[key])}</dt><dd>{value}</dd></div>" for key, value in told.items() if value)
    lead = '<p class="quiet">The same in all entries:</p>\n' if len(records) > 1 else ""
    return f'{lead}<dl id="common">{facts}</dl>' if facts else ""


def _filters(records: Sequence[dict[str, Any]], keys: Sequence[str]) -> str:
    parts = []
    for key in keys:
        options = "".join(
            f'<option value="{_text(str(v))}">{_text(str(v))}</option>' for v in sorted({r[key] for r in records})
        )
        parts.append(
            f'<label>{_text(LABELS[key])} <select name="{key}"><option value="">all</option>{options}</select></label>'
        )
    return "\n".join(parts)


def _headings(columns: Sequence[str]) -> str:
    cells = ['<th scope="col" class="js">Compare</th>']
    for key in ("name", *_FIGURES, *columns):
        order = ' aria-sort="ascending"' if key == "latency_ms" else ""
        button = f'<button type="button">{_text(LABELS[key])}</button>'
        cells.append(f'<th scope="col" data-key="{key}"{_kind(key)}{order}>{button}</th>')
    return "".join(cells)


def _row(values: dict[str, Any], standing: Standing | None, columns: Sequence[str]) -> str:
    name = _text(values["name"])
    rank = f' <span class="rank">{standing.value if standing else ""}</span>'
    told = {"latency_ms": _figure(values, "latency_ms"), "accuracy": _figure(values, "accuracy") + rank}
    told |= {key: _value(values, key) for key in columns}
    cells = [
        f'<td class="js"><input type="checkbox" value="{name}" aria-label="Compare {name}"></td>',
        f'<th scope="row">{name}{_notes(values)}{_provenance(values)}</th>',
        *(f'<td{_kind(key)} data-label="{_text(LABELS[key])}">{content}</td>' for key, content in told.items()),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _kind(key: str) -> str:
    """The class of a column, as an attribute."""
    return ' class="figure"' if key in _FIGURES else ' class="number"' if key in _NUMBERS else ""


def _value(values: dict[str, Any], key: str) -> str:
    return _text(f"{values[key]:,}" if key == "params" else str(values[key]))


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
    notes += ["rival"] if values["rival"] else []
    notes += [] if values["recommended"] else ["not recommended"]
    shown_notes = "".join(f' <span class="note">{note}</span>' for note in notes)
    told = (values["speed_up"], values["advice"])
    return shown_notes + "".join(f"<small>{_text(text)}</small>" for text in told if text)


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
