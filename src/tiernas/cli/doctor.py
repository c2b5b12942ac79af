"""`tiernas doctor`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table

if TYPE_CHECKING:
    from tiernas.doctor import Diagnosis, Trial

_log = logging.getLogger("tiernas.doctor")


def doctor(
    slow: Annotated[
        bool, typer.Option("--all", help="Also try torch-compile, which compiles for a minute or so.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tries every engine here, and says what is missing and what will spoil measurements; 1 if no engine works."""
    from tiernas.doctor import diagnose

    log_to_stderr()
    found = diagnose(slow_engines=slow, progress=_show)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)
    if not found.works:
        raise typer.Exit(1)


_ENGINES = {
    "engine": "engine",
    "precision": "precision",
    "status": "status",
    "version": "version",
    "seconds": "seconds",
}


def _print(found: Diagnosis) -> None:
    document = found.to_dict()
    devices = ", ".join(device["device"] for device in document["devices"])
    print_table(document["engines"], _ENGINES, title=f"{devices}, {found.cores} cores")
    for trial in found.trials:
        if trial.detail:
            typer.echo(f"{_name(trial)}: {trial.detail}")
    for finding in found.findings:
        typer.echo(
            f"\n{finding.level}: {finding.topic}: {finding.found}\n    why: {finding.why}\n    fix: {finding.fix}"
        )
    if not found.findings:
        typer.echo("\nNothing was found that spoils measurements.")


def _show(trial: Trial) -> None:
    _log.info("%s: %s", _name(trial), trial.status)


def _name(trial: Trial) -> str:
    return f"{trial.engine} {trial.precision}" if trial.precision else trial.engine
