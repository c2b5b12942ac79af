"""`tiernas search`, `status` and `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table

ConfigArgument = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="What to search; see examples/.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replace a value: search.trainings=20.")
]


def search(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Do the whole job; continue where it stopped."""
    log_to_stderr()
    from tiernas.cli.progress import watching
    from tiernas.cli.table import show_entries
    from tiernas.config import load_config
    from tiernas.job import run_search
    from tiernas.report import write_report

    loaded = load_config(config, set_ or ())
    with watching(loaded) as (stop, watch):
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


_SHOWN_IF_ANY = ("running", "pending", "pruned", "failed", "reused", "repeats_done", "finalists_done")
"""Columns of the status that a terminal of 80 characters has no room for together; most are empty most of the time."""


def status(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Show what is done, running, failed and why."""
    log_to_stderr()
    from tiernas.config import load_config
    from tiernas.status import read_status

    found = read_status(load_config(config, set_ or ()))
    if json:
        print_json(found)
        return
    columns = {"tier": "tier (ms)", "done": "done", "running": "runs", "pending": "waits", "pruned": "pruned"}
    columns |= {"failed": "failed", "wanted": "of", "reused": "reused", "repeats_done": "repeats"}
    columns |= {"finalists_done": "finalists", "best_accuracy": "best", "best_latency_ms": "ms"}
    for key in _SHOWN_IF_ANY:
        if not any(tier[key] for tier in found["tiers"]):
            del columns[key]
    print_table(found["tiers"], columns, title=f"{found['study']}: {found['candidates']['done']} trainings done")
    if screened := [tier for tier in found["tiers"] if tier["screen"]]:
        _show_screen(screened)
    if found["failures"]:
        print_table(found["failures"], {"tier": "tier (ms)", "candidate": "candidate", "reason": "failed because"})


def _show_screen(tiers: list[dict[str, Any]]) -> None:
    for tier in tiers:
        screen = tier["screen"]
        spent = f"{screen['epochs_spent']} epochs trained instead of {screen['epochs_without']}"
        columns = {"epochs": "after epochs", "reached": "reached", "pruned": "pruned", "pairs": "trained to the end"}
        columns |= {"tau": "Kendall's tau", "tau_low": "from", "tau_high": "to"}
        print_table(screen["rungs"], columns, title=f"screen of tier {tier['tier']} ms: {spent}")


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
