"""`tiernas table list | query | export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_named
from tiernas.table.location import DEFAULT_TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiernas.table import Entry

app = typer.Typer(
    help="Query the model table and export networks for deployment.", no_args_is_help=True, rich_markup_mode=None
)

TableOption = Annotated[Path, typer.Option("--table", help="Folder of the model table.")]

_UNBALANCED = 0.01
"""Both accuracies are shown if the mean over classes differs this much from the mean over images."""


def show_entries(entries: Sequence[Entry]) -> None:
    """Prints entries, one table per group of comparable ones."""
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
        print_named(rows, columns, title)


@app.command("list")
def list_(table: TableOption = DEFAULT_TABLE, json: JsonOption = False) -> None:
    """List all entries, fastest first, and those that cannot be read."""
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
        print_named(rows, {"name": "name", "reason": ""}, f"{len(damaged)} cannot be read")
    if not entries:
        typer.echo(f"Model table {table} has no readable entries.", err=True)


@app.command()
def query(
    max_latency_ms: Annotated[float | None, typer.Option(help="Maximum latency in ms.")] = None,
    min_accuracy: Annotated[float | None, typer.Option(help="Minimum accuracy, 0 to 1.")] = None,
    device: Annotated[str | None, typer.Option(help="Part of the device name.")] = None,
    engine: Annotated[str | None, typer.Option(help="Deployment engine, such as openvino.")] = None,
    precision: Annotated[str | None, typer.Option(help="Precision, such as fp32.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images per inference.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads per inference.")] = None,
    data: Annotated[str | None, typer.Option(help="Data set, or its digest.")] = None,
    as_found: Annotated[
        bool, typer.Option("--as-found", help="Use as-found instead of undisturbed latencies.")
    ] = False,
    table: TableOption = DEFAULT_TABLE,
    json: JsonOption = False,
) -> None:
    """Print the most accurate entry within a budget. Exits with 3 if there is none.

    Entries of different data sets, devices, engines, batch sizes or thread counts are not comparable. If several
    remain, the command exits with 2 and lists the options that choose between them.
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
    name: Annotated[str, typer.Argument(help="Entry name.")],
    output: Annotated[Path, typer.Option(help="Output folder.")],
    table: TableOption = DEFAULT_TABLE,
    check: Annotated[bool, typer.Option(help="Verify the export on test images.")] = True,
    json: JsonOption = False,
) -> None:
    """Export the measured network of an entry, a program that runs it, plain ONNX, weights, architecture and card."""
    from tiernas.table import ModelTable
    from tiernas.table import export as export_entry

    model_table = ModelTable(table)
    files = [str(file) for file in export_entry(model_table, model_table.get(name), output, check=check)]
    if json:
        print_json({"files": files})
    else:
        typer.echo("\n".join(files))
