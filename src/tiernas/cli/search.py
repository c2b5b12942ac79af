"""`tiernas search` and `report`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json

_log = logging.getLogger("tiernas.search")

ConfigArgument = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="What to search; see examples/.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replace a value: search.trainings=20.")
]


def search(
    config: ConfigArgument,
    set_: SetOption = None,
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Train on this Ray cluster: auto, or HOST:PORT of its head.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Do the whole job; continue where it stopped."""
    log_to_stderr()
    from tiernas.cli.progress import watching
    from tiernas.cli.stopping import keeping
    from tiernas.cli.table import show_entries
    from tiernas.config import load_config
    from tiernas.job import run_search
    from tiernas.report import write_report

    on_ray = () if address is None else ("workers.executor=ray", f"workers.address='{address}'")
    loaded = load_config(config, (*(set_ or ()), *on_ray))
    _log.info("output goes to %s, entries to the model table %s", loaded.study.output, loaded.table.path)
    with keeping("the same command continues"), watching() as (stop, watch):
        entries = run_search(loaded, stop=stop, watch=watch)
    plots = write_report(loaded)
    if json:
        print_json({"entries": [e.to_dict() for e in entries], "plots": [str(p) for p in plots]})
        return
    show_entries(entries)
    typer.echo(f"\nModel table: {loaded.table.path}\nPlots: {', '.join(str(p) for p in plots)}")
    if entries:
        budget = sorted(e.latency_ms for e in entries)[len(entries) // 2]
        typer.echo(f"Try next:  tiernas table query --max-latency-ms {budget * 1.05:.2g}")


def report(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Draw accuracy over latency and the progress of the search."""
    log_to_stderr()
    from tiernas.config import load_config
    from tiernas.report import write_report

    plots = [str(p) for p in write_report(load_config(config, set_ or ()))]
    if json:
        print_json({"plots": plots})
    else:
        typer.echo("\n".join(plots))
