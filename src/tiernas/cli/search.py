"""`tiernas search` and `report`."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table
from tiernas.errors import NothingFoundError

if TYPE_CHECKING:
    from tiernas.config import SearchConfig
    from tiernas.plan import SearchPlan
    from tiernas.report import Report

_log = logging.getLogger("tiernas.search")

ConfigArgument = Annotated[
    Path, typer.Argument(metavar="CONFIG.toml", help="Configuration of the search; tiernas init writes one.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a value, such as search.trainings=20.")
]


def search(
    config: ConfigArgument,
    set_: SetOption = None,
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Train on a Ray cluster: auto, or HOST:PORT of its head.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would be done, how long it takes, and what it needs.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run a search to its end, resuming an earlier run. Exits with 3 if there is no entry to recommend."""
    log_to_stderr()
    from tiernas.config import load_config

    on_ray = () if address is None else ("workers.executor=ray", f"workers.address='{address}'")
    loaded = load_config(config, (*(set_ or ()), *on_ray))
    if plan:
        show_plan(loaded, as_json=json)
    else:
        run_and_show(loaded, "the same command continues", as_json=json)


def show_plan(loaded: SearchConfig, *, as_json: bool) -> None:
    """Plans a search and prints the plan.

    Args:
        loaded: The configuration.
        as_json: Whether to print one JSON document.
    """
    from tiernas.cli.stopping import keeping
    from tiernas.job.planned import plan_job

    with keeping("nothing was written"):
        planned = plan_job(loaded)
    if as_json:
        resources, warnings = planned.resources.to_dict(), list(planned.warnings)
        print_json({"study": loaded.study.name, **planned.plan.to_dict(), **resources, "warnings": warnings})
        return
    for line in planned.warnings:
        _log.warning("%s", line)
    print_plan(planned.plan, loaded.study.name)
    typer.echo(planned.data.words)
    typer.echo(planned.resources.words)


def print_plan(plan: SearchPlan, study: str) -> None:
    """Prints the parts of a plan, and how long all of it takes."""
    if not plan.parts:
        typer.echo(f"{study}: nothing is left to do")
        return
    columns = {"networks": "networks", "what": "", "where": "tier (ms)", "epochs": "epochs", "minutes": "minutes"}
    rows = [
        {
            "networks": part.networks,
            "what": part.what,
            "where": part.where,
            "epochs": "" if part.epochs is None else f"{part.epochs:.3g}",
            "minutes": "?" if part.seconds is None else f"{part.seconds / 60:.1f}",
        }
        for part in plan.parts
    ]
    print_table(rows, columns, title=study)
    typer.echo(plan.words)


def run_and_show(loaded: SearchConfig, continued: str, *, as_json: bool) -> None:
    """Runs a search to its end and prints the result.

    Args:
        loaded: The configuration.
        continued: How to resume the search, for the message when it is stopped.
        as_json: Whether to print one JSON document.

    Raises:
        NothingFoundError: There is no entry to recommend.
    """
    from tiernas.cli.progress import watching
    from tiernas.cli.stopping import keeping
    from tiernas.cli.table import show_entries
    from tiernas.job import run_search
    from tiernas.report import Report, write_report
    from tiernas.table import ModelTable, query_command

    _log.info("output: %s, model table: %s", loaded.study.output, loaded.table.path)
    with keeping(continued), watching() as (stop, watch):
        result = run_search(loaded, stop=stop, watch=watch)
    report = Report((), None)
    with suppress(NothingFoundError):  # no candidate was trained to the end
        report = write_report(loaded)
    if as_json:
        entries = [e.to_dict() for e in result.entries]
        print_json({"entries": entries, **_written(report), "empty_tiers": dict(result.empty_tiers)})
    else:
        show_entries(result.entries)
        if result.entries:
            typer.echo(f"\nModel table: {loaded.table.path}")
        if report.files:
            typer.echo(f"Report: {', '.join(map(str, report.files))}")
        if usable := sorted((e for e in result.entries if e.recommended), key=lambda e: e.latency_ms):
            there, _ = ModelTable(loaded.table.path).read()
            typer.echo(f"Try next:  {query_command(loaded.table.path, usable[len(usable) // 2], there)}")
    result.require_usable()


def report(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Plot accuracy over latency and the progress of the search, and write the model table as a page."""
    log_to_stderr()
    from tiernas.config import load_config
    from tiernas.report import write_report

    written = write_report(load_config(config, set_ or ()))
    if json:
        print_json(_written(written))
    else:
        typer.echo("\n".join(map(str, written.files)))


def _written(report: Report) -> dict[str, Any]:
    return {"plots": [str(plot) for plot in report.plots], "page": report.page and str(report.page)}
