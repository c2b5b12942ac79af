"""`tiernas table list | query | page | add | export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiernas.cli.device import DeviceOption
from tiernas.cli.limits import MaxActivationsMb, MaxMacs, MaxParams, MaxWeightsMb
from tiernas.cli.options import BatchOption, EngineOption, PrecisionOption, ThreadsOption
from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_named
from tiernas.cli.stopping import keeping
from tiernas.errors import TiernasError, UsageError
from tiernas.plain import plain_text
from tiernas.table.location import DEFAULT_TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tiernas.table import Entry

app = typer.Typer(
    help="Query the model table, add networks to it, and export them for deployment.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

TableOption = Annotated[Path, typer.Option("--table", help="Folder of the model table.")]

_UNBALANCED = 0.01
"""Both accuracies are shown if the mean over classes differs this much from the mean over images."""

_MARKS = {
    "~": "ties with the best entry for the same data, device, engine, batch size and threads: the test images are too "
    "few to tell which is more accurate",
    "*": "published, not measured here",
    "+-": "half of the latency's interval, which stayed wide",
    "?": "measured by an earlier version, and did not settle; tiernas remeasure measures it in the present way",
}
"""What the marks in a list mean."""

_TIES = 5
"""Ties of an answer that are named."""


def show_entries(entries: Sequence[Entry]) -> None:
    """Prints entries, one table per group of comparable ones, and what the marks in them mean."""
    from tiernas.table.ties import Standing, standings

    interval = " (95 %)" if any(entry.accuracy_interval for entry in entries) else ""
    columns = {"name": "name", "latency": "ms", "accuracy": f"accuracy{interval}"}
    if any(abs((entry.class_mean_accuracy or entry.accuracy) - entry.accuracy) >= _UNBALANCED for entry in entries):
        columns["class_mean"] = "class mean"
    columns |= {"resolution": "px"}
    groups: dict[str, list[dict[str, object]]] = {}
    found = standings(entries)
    for entry in entries:
        mark = "*" if entry.is_published else ""
        tie = "~" if found.get(entry.name) is Standing.TIED else ""
        row = {
            "name": entry.name if entry.recommended else f"{entry.name} (not recommended)",
            "latency": entry.shown_latency,
            "accuracy": f"{entry.shown_accuracy}{mark}{tie}",
            "class_mean": "" if entry.class_mean_accuracy is None else f"{entry.class_mean_accuracy:.2%}",
            "resolution": entry.resolution,
        }
        conditions = f"{entry.engine} {entry.precision}, batch {entry.batch}, {entry.threads} thread(s)"
        conditions += "; detection, AP" if entry.task == "detection" else ""
        groups.setdefault(f"{entry.data} on {entry.device}, {conditions}", []).append(row)
    for title, rows in groups.items():
        print_named(rows, columns, title)
    shown = [f"{row['latency']} {row['accuracy']}" for rows in groups.values() for row in rows]
    for mark, meaning in _MARKS.items():
        if any(mark in text for text in shown):
            typer.echo(f"{mark}: {meaning}{_told_sources(entries) if mark == '*' else ''}")


def _told_sources(entries: Sequence[Entry]) -> str:
    """Where published accuracies are from."""
    published = [entry for entry in entries if entry.is_published]
    told = dict.fromkeys(f"{e.source} ({e.source_url})" if e.source_url else e.source for e in published)
    return plain_text(f"; from {'; '.join(told)}")


@app.command("list")
def list_(table: TableOption = DEFAULT_TABLE, json: JsonOption = False) -> None:
    """List all entries, fastest first, and those that cannot be read."""
    log_to_stderr()
    from tiernas.table import ModelTable
    from tiernas.table.ties import standings

    model_table = ModelTable(table)
    if json:
        entries = model_table.entries()
        found = standings(entries)
        print_json([e.to_dict() | {"standing": found[e.name].value if e.name in found else None} for e in entries])
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
    min_accuracy: Annotated[str | None, typer.Option(help="Minimum accuracy: 0.95 or 95%.")] = None,
    device: Annotated[
        str | None, typer.Option(help="Part of the device name.", show_default="this machine, if it is in the table")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Deployment engine, such as openvino.")] = None,
    precision: Annotated[str | None, typer.Option(help="Precision, such as fp32.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images per inference.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads per inference.")] = None,
    data: Annotated[str | None, typer.Option(help="Data set, or its digest.")] = None,
    study: Annotated[str | None, typer.Option(help="Name of the study that found it.")] = None,
    task: Annotated[
        str, typer.Option(help="What the networks do: classification, or detection, whose accuracy is COCO's AP.")
    ] = "classification",
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_weights_mb: MaxWeightsMb = None,
    max_activations_mb: MaxActivationsMb = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Print the best N; with --json as a list.")] = None,
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
    from tiernas.engines.local_devices import local_devices
    from tiernas.limits import Limits
    from tiernas.proportions import parse_proportion
    from tiernas.table import AmbiguousQueryError, ModelTable, Query, export_command, measure_command
    from tiernas.table.entry import require_task
    from tiernas.table.ties import ties_with

    asked = Query(
        max_latency_ms=max_latency_ms,
        min_accuracy=None if min_accuracy is None else parse_proportion(min_accuracy, "min_accuracy"),
        device=device,
        engine=engine,
        precision=precision,
        batch=batch,
        threads=threads,
        data=data,
        study=study,
        task=require_task(task),
        limits=Limits(max_params, max_macs, max_weights_mb, max_activations_mb),
        as_found=as_found,
        local_devices=local_devices(),
    )
    try:
        answers = ModelTable(table).answers(asked)
    except AmbiguousQueryError as error:
        if json:
            print_json({"error": "ambiguous", "choices": error.choices})
        raise
    shown = answers[: limit or 1]
    ties = {entry.name: ties_with(entry, answers) for entry in shown}
    if json:
        documents = [e.to_dict() | {"ties": [t.name for t in ties[e.name]]} for e in shown]
        print_json(documents if limit else documents[0])
        return
    best = answers[0]
    if best.device not in asked.local_devices:
        typer.echo(f"note: measured on {best.device}, which is not this machine", err=True)
    show_entries(shown)
    if limit is None and ties[best.name]:
        typer.echo(_told_ties(best, ties[best.name]))
    if best.task == "detection":
        typer.echo(f"\nIts ONNX file:  {ModelTable(table).onnx_path(best)}")
    elif best.is_kept:
        typer.echo(f"\nDeploy it:  {export_command(table, best)}")
    else:
        typer.echo(f"\nIts weights are not in the table. Measure it again:  {measure_command(best)}")


def _told_ties(best: Entry, ties: Sequence[Entry]) -> str:
    """The entries that tie with the best one, fastest first."""
    images = "" if best.test_images is None else f" of {best.test_images} test images"
    lines = [f"As accurate within the noise{images}, fastest first:"]
    lines += [f"  {entry.name}  {entry.shown_latency} ms  {entry.shown_accuracy}" for entry in ties[:_TIES]]
    if len(ties) > _TIES:
        lines.append(f"  and {len(ties) - _TIES} more: --limit {len(ties) + 1} lists them")
    return "\n".join(lines)


@app.command("page")
def page_(
    output: Annotated[Path, typer.Option(metavar="FILE.html", help="HTML file to write.")] = Path("table.html"),
    table: TableOption = DEFAULT_TABLE,
    json: JsonOption = False,
) -> None:
    """Write the whole table as one HTML file that works offline: filters, intervals, provenance, comparison, chart."""
    from tiernas.table import ModelTable, write_page

    written = str(write_page(ModelTable(table), output))
    if json:
        print_json({"page": written})
    else:
        typer.echo(written)


@app.command()
def add(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE.json...", help="Networks with the accuracy that a source states."),
    ] = None,
    released: Annotated[bool, typer.Option("--released", help="The seven released GPUNets.")] = False,
    rivals: Annotated[
        bool, typer.Option("--rivals", help="Twenty networks of timm that GPUNet is compared with.")
    ] = False,
    engine: EngineOption = "openvino",
    precision: PrecisionOption = "fp32",
    batch: BatchOption = 1,
    threads: ThreadsOption = 1,
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=0.01, help="Time limit per network; three times as long without quiet moments."),
    ] = 10.0,
    again: Annotated[bool, typer.Option("--again", help="Measure again what is in the table already.")] = False,
    device: DeviceOption = None,
    table: TableOption = DEFAULT_TABLE,
    json: JsonOption = False,
) -> None:
    """Measure published networks, or ONNX files of your own, on a device, and add them with their stated accuracy.

    --released --rivals makes a table for ImageNet in about ten minutes, without any training.

    A FILE.json has the key "networks": a list of objects with network (a released name, timm:NAME, or an ONNX file),
    accuracy (0.789 or "78.9%"), data and source, and optionally source_url, name, resolution, test_images, classes and
    licenses. Keys that all networks share may stand beside "networks". docs/table.md has an example.
    """
    from tiernas.devices import open_device
    from tiernas.engines import get_engine
    from tiernas.table.adding import own_collection, read_stated

    log_to_stderr()
    if not (files or released or rivals):
        raise UsageError("table add: name a FILE.json, or give --released, --rivals or both")
    own = [name for name, wanted in (("released", released), ("rivals", rivals)) if wanted]
    collections = [*map(own_collection, own), *map(read_stated, files or ())]
    with open_device(device) as there:
        runtime = get_engine(engine, precision=precision, batch=batch, threads=threads, device=there)

        from tiernas.table import ModelTable
        from tiernas.table.adding import add_stated, require_there

        for collection in collections:
            require_there(collection)
        with keeping(f"{table} keeps all networks measured so far; the same command continues"):
            results = [add_stated(ModelTable(table), c, runtime, limit_s=seconds, again=again) for c in collections]
    entries = [entry for result in results for entry in result.entries]
    failed = {name: reason for result in results for name, reason in result.failed.items()}
    present = [entry for result in results for entry in result.present]
    if json:
        added = [entry.to_dict() for entry in entries]
        print_json({"added": added, "present": [entry.name for entry in present], "failed": failed})
    else:
        show_entries(sorted([*entries, *present], key=lambda entry: entry.latency_ms))
        typer.echo(f"\nModel table: {table}, {len(entries)} added, {len(present)} there before")
    if failed:
        raise TiernasError(f"{len(failed)} of the networks could not be added: {', '.join(failed)}")


@app.command()
def export(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Entry names.")],
    output: Annotated[Path, typer.Option(help="Folder that gets a folder for each entry.")],
    table: TableOption = DEFAULT_TABLE,
    triton: Annotated[bool, typer.Option("--triton", help="Make the output a Triton model repository.")] = False,
    dynamic_batch: Annotated[
        bool, typer.Option("--dynamic-batch", help="Take any number of images at a time, not the measured batch size.")
    ] = False,
    check: Annotated[bool, typer.Option(help="Verify the export on test images.")] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files of the same names even if they were edited, or are foreign.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Export the measured network of an entry with all that deploying needs, into OUTPUT/NAME.

    That is a program that runs it, deploy.json, labels.txt, checksums, plain ONNX, weights, architecture and a card.
    """
    from tiernas.table import ModelTable
    from tiernas.table import export as export_entry

    model_table = ModelTable(table)
    entries = [model_table.get(name) for name in dict.fromkeys(names)]
    wanted = {"check": check, "triton": triton, "dynamic_batch": dynamic_batch, "force": force}
    written = {output / e.name: export_entry(model_table, e, output / e.name, **wanted) for e in entries}
    files = [str(file) for of_entry in written.values() for file in of_entry]
    if json:
        print_json({"folders": [str(folder) for folder in written], "files": files})
    else:
        typer.echo("\n".join(files))
