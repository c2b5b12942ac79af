"""`tiernas export`: a search in the formats of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json
from tiernas.cli.search import ConfigArgument, SetOption

app = typer.Typer(help="Export a search to other tools.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Export a search to other tools."""


@app.command()
def optuna(
    config: ConfigArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="*.log: Optuna's journal; anything else: SQLite.")],
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Write every tier as an Optuna study; studies of the same name are replaced."""
    log_to_stderr()
    from tiernas.config import load_config
    from tiernas.optuna_export import export_optuna

    studies = export_optuna(load_config(config, set_ or ()), file)
    if json:
        print_json({"file": str(file), "studies": studies})
        return
    for name, trials in studies.items():
        typer.echo(f"{name}: {trials} trials")
    typer.echo(f"View it:  optuna-dashboard {file if file.suffix == '.log' else f'sqlite:///{file}'}")
