"""`tiernas latency plan | import`: a table of a device without a connection."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from tiernas.cli.options import BatchOption, PrecisionOption, SpaceOption, ThreadsOption
from tiernas.cli.output import JsonOption, log_to_stderr, print_json
from tiernas.cli.stopping import keeping

_log = logging.getLogger("tiernas.latency")


def plan(
    space: SpaceOption = "gpunet-small",
    engine: Annotated[
        str, typer.Option("--engine", help="Engine there: onnxruntime, openvino or ncnn.")
    ] = "onnxruntime",
    precision: PrecisionOption = "fp32",
    batch: BatchOption = 1,
    threads: ThreadsOption = 1,
    reduce_range: Annotated[
        bool, typer.Option("--reduce-range", help="For int8 of onnxruntime on an x86 CPU without VNNI.")
    ] = False,
    networks: Annotated[int, typer.Option("--networks", help="Networks of the table.")] = 48,
    num_classes: Annotated[
        int | None, typer.Option("--classes", help="Number of classes [default: the space's].")
    ] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", help="Time limit per network [default: 6].")] = None,
    table: Annotated[
        Path | None, typer.Option("--table", help="Table to extend: its networks are not measured again.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", help="File to write.")] = Path("kit.pyz"),
    as_json: JsonOption = False,
) -> None:
    """Write a program that measures the networks of a latency table on a device without a connection."""
    from tiernas.cli.rules import rule_with
    from tiernas.devices.kit import KitEngine

    log_to_stderr()
    wanted = KitEngine(engine, precision, batch, threads, reduce_range)

    from tiernas.latency.estimating import table_file
    from tiernas.latency.estimating.build import RULE
    from tiernas.latency.estimating.kit import write_table_kit
    from tiernas.spaces import get_space

    of = get_space(space)
    measured = [record.vector for record in table_file.read(table, of)[1]] if table else []
    with keeping("nothing was written"):
        count = write_table_kit(
            of,
            wanted,
            output,
            networks=networks,
            num_classes=num_classes,
            measured=measured,
            rule=rule_with(RULE, seconds),
            progress=_show,
        )
    size_mb = output.stat().st_size / 1e6
    if as_json:
        print_json({"kit": str(output), "networks": count, "size_mb": size_mb})
    else:
        typer.echo(
            f"{output} ({size_mb:.0f} MB) measures {count} networks. On the device, which needs Python 3.9 or newer, "
            f"NumPy and {engine}: python3 {output.name}\nThen copy results.jsonl here: tiernas latency import "
            "results.jsonl"
        )


def import_results(
    results: Annotated[Path, typer.Argument(metavar="RESULTS.jsonl", help="What the kit wrote.")],
    space: Annotated[str | None, typer.Option("--space", help="Search space, if it is not found by its name.")] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="Latency table [default: latency/DEVICE/SPACE-ENGINE-PRECISION.jsonl]."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the results of a kit into a latency table; those that it has already are left out."""
    from tiernas.devices.address import KIT
    from tiernas.latency import LatencyTable, judge_table
    from tiernas.latency.estimating.kit import import_table
    from tiernas.spaces import get_space

    log_to_stderr()
    found = import_table(results, table, lambda name: get_space(space or name))
    told: dict[str, Any] = {"table": str(found.path), "added": found.added, "networks": found.networks}
    said = f"{found.path}: {found.added} new measurements, {found.networks} networks in all"
    if found.networks < LatencyTable.FEWEST:
        said += f"; a table needs {LatencyTable.FEWEST}: let the kit go on, and import its results again"
    else:
        loaded = LatencyTable.load(found.path, get_space(space) if space else None)
        verdict = judge_table(loaded, found.path, KIT)
        told |= {**loaded.summary(), "verdict": verdict.to_dict()}
        said += f". {verdict.words}"
    if as_json:
        print_json(told)
    else:
        typer.echo(said)


def _show(done: int, wanted: int) -> None:
    _log.info("%d/%d  exported", done, wanted)
