"""`tiernas table list | query | export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table
from tiernas.table.location import DEFAULT_TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiernas.table import Entry

app = typer.Typer(help="The model table: which network to deploy.", no_args_is_help=True, rich_markup_mode=None)

TableOption = Annotated[Path, typer.Option("--table", help="Folder of the model table.")]

_UNBALANCED = 0.01
"""Where the mean accuracy over the classes differs so much from the accuracy over the images, both are shown."""


def show_entries(entries: Sequence[Entry]) -> None:
    """Prints entries, those that can be compared with each other in one table that fits into 80 characters."""
    columns = {"name": "name", "latency": "ms", "accuracy": "accuracy"}
    if any(abs((entry.class_mean_accuracy or entry.accuracy) - entry.accuracy) >= _UNBALANCED for entry in entries):
        columns["class_mean"] = "class mean"
    columns |= {"resolution": "px", "macs": "MACs"}
    groups: dict[str, list[dict[str, object]]] = {}
    for entry in entries:
        row = {
            "name": entry.name if entry.recommended else f"{entry.name} (not recommended)",
            "latency": entry.shown_latency,
            "accuracy": f"{entry.accuracy:.2%}",
            "class_mean": "" if entry.class_mean_accuracy is None else f"{entry.class_mean_accuracy:.2%}",
            "resolution": entry.resolution,
            "macs": f"{entry.macs / 1e6:.1f} M",
        }
        conditions = f"{entry.engine} {entry.precision}, batch {entry.batch}, {entry.threads} thread(s)"
        groups.setdefault(f"{entry.data} on {entry.device}, {conditions}", []).append(row)
    for title, rows in groups.items():
        print_table(rows, columns, title=title)


@app.command("list")
def list_(table: TableOption = DEFAULT_TABLE, json: JsonOption = False) -> None:
    """List every entry, fastest first, and what cannot be read."""
    log_to_stderr()
    from tiernas.table import ModelTable

    model_table = ModelTable(table)
    if json:
        print_json([entry.to_dict() for entry in model_table.entries()])
        return
    entries, damaged = model_table.read()
    show_entries(entries)
    if damaged:
        rows = [{"name": bad.name, "reason": bad.reason} for bad in damaged]
        print_table(rows, {"name": "name", "reason": "passed over because"}, title=f"{len(damaged)} cannot be read")
    if not entries:
        typer.echo(f"Model table {table} has no entries that can be read.", err=True)


@app.command()
def query(
    max_latency_ms: Annotated[float | None, typer.Option(help="Largest latency.")] = None,
    min_accuracy: Annotated[float | None, typer.Option(help="Smallest accuracy, 0 to 1.")] = None,
    device: Annotated[str | None, typer.Option(help="Part of the device's name.")] = None,
    engine: Annotated[str | None, typer.Option(help="Deployment engine, such as openvino.")] = None,
    precision: Annotated[str | None, typer.Option(help="Precision, such as fp32.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images per inference.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of one inference.")] = None,
    data: Annotated[str | None, typer.Option(help="Data set of the accuracy, or its digest.")] = None,
    as_found: Annotated[bool, typer.Option("--as-found", help="By latencies as found, not undisturbed.")] = False,
    table: TableOption = DEFAULT_TABLE,
    json: JsonOption = False,
) -> None:
    """Print the most accurate entry within a budget; exits with 3 where nothing meets it.

    Entries of several data sets, devices, engines, batches or numbers of threads are not compared: where several are
    left, it exits with 2 and lists the options that choose between them.
    """
    log_to_stderr()
    from tiernas.table import AmbiguousQueryError, ModelTable, Query, export_command

    asked = Query(max_latency_ms, min_accuracy, device, engine, precision, batch, threads, data, as_found)
    try:
        entry = ModelTable(table).query(asked)
    except AmbiguousQueryError as error:
        if json:
            print_json({"error": "ambiguous", "choices": error.choices})
        raise
    if json:
        print_json(entry.to_dict())
    else:
        show_entries([entry])
        typer.echo(f"\nDeploy it:  {export_command(table, entry)}")


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="Name of an entry.")],
    output: Annotated[Path, typer.Option(help="Folder to write to.")],
    table: TableOption = DEFAULT_TABLE,
    check: Annotated[bool, typer.Option(help="Run what was exported on test images, and compare.")] = True,
    json: JsonOption = False,
) -> None:
    """Write what an entry measured, a program that runs it, plain ONNX, weights, architecture and card."""
    from tiernas.table import ModelTable
    from tiernas.table import export as export_entry

    model_table = ModelTable(table)
    files = [str(file) for file in export_entry(model_table, model_table.get(name), output, check=check)]
    if json:
        print_json({"files": files})
    else:
        typer.echo("\n".join(files))
