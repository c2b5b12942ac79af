"""The command line: one module per command group, no logic."""

from __future__ import annotations

import sys

import typer

from tiernas.cli import control, doctor, export, latency, search, status, table, tiers
from tiernas.errors import TiernasError

app = typer.Typer(
    name="tiernas",
    help="Finds convolutional networks that are fast on the device they will be deployed on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("search")(search.search)
app.command("status")(status.status)
app.command("report")(search.report)
app.command("tiers")(tiers.tiers)
app.command("doctor")(doctor.doctor)
app.add_typer(control.app, name="control")
app.add_typer(export.app, name="export")
app.add_typer(latency.app, name="latency")
app.add_typer(table.app, name="table")


@app.callback(invoke_without_command=True)
def _main(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("tiernas"))
        raise typer.Exit


def main() -> None:
    """Runs the command line; errors of tiernas are one message on stderr and an exit code."""
    try:
        app()
    except TiernasError as error:
        sys.stderr.write(f"tiernas: {error}\n")
        sys.exit(error.exit_code)
    except SystemExit as error:
        sys.exit(1 if error.code == 130 else error.code)  # 130: typer's own word for Ctrl-C
    except KeyboardInterrupt:
        sys.stderr.write("tiernas: stopped; the same command continues\n")
        sys.exit(1)
