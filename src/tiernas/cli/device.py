"""`tiernas device runner | forget`, and the option `--device` of other commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tiernas.cli.output import JsonOption, print_json

app = typer.Typer(
    help="Measure on a device that has neither torch nor tiernas.", no_args_is_help=True, rich_markup_mode=None
)

ADDRESS = "ssh://[USER@]HOST[:PORT]"

DeviceOption = Annotated[
    str | None,
    typer.Option("--device", metavar=ADDRESS, help="Measure on another machine [default: this one]."),
]


@app.command()
def runner(
    output: Annotated[Path, typer.Option("--output", help="File to write.")] = Path("runner.pyz"),
    as_json: JsonOption = False,
) -> None:
    """Write the program that measures on a device, as one file.

    It needs Python 3.9 or newer, NumPy and the wheel of a runtime there, and speaks JSON lines over stdin and stdout.
    """
    from tiernas.runner.pyz import write_runner

    write_runner(output)
    if as_json:
        print_json({"runner": str(output)})
    else:
        typer.echo(output)


@app.command()
def forget(address: Annotated[str, typer.Argument(metavar=ADDRESS)], as_json: JsonOption = False) -> None:
    """Remove what was copied to a device: the runner, networks, and a Python environment in their folder."""
    from tiernas.devices import forget_device

    forget_device(address)
    if as_json:
        print_json({"device": address})
    else:
        typer.echo(f"{address}: nothing of tiernas is left there")
