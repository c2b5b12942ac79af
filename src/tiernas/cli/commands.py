"""`app`: all commands in their groups."""

from __future__ import annotations

import typer

from tiernas.cli import (
    adapt,
    control,
    detect,
    device,
    doctor,
    example,
    export,
    finalists,
    init,
    latency,
    plugins,
    remeasure,
    search,
    status,
    table,
    tiers,
    verdict,
)
from tiernas.cli.help import HelpGroup, epilog

app = typer.Typer(
    name="tiernas",
    help="Search for image classification networks that are fast on the device you deploy to.",
    cls=HelpGroup,
    epilog=epilog(""),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("example")(example.example)
app.command("init")(init.init)
app.command("adapt")(adapt.adapt)
app.command("search")(search.search)
app.command("status")(status.status)
app.command("report")(search.report)
app.command("verdict")(verdict.verdict)
app.command("remeasure")(remeasure.remeasure)
app.command("tiers")(tiers.tiers)
app.command("doctor")(doctor.doctor)
app.command("plugins")(plugins.plugins)
app.add_typer(control.app, name="control", cls=HelpGroup)
app.add_typer(detect.app, name="detect", cls=HelpGroup)
app.add_typer(device.app, name="device", cls=HelpGroup)
app.add_typer(export.app, name="export", cls=HelpGroup)
app.add_typer(finalists.app, name="finalists", cls=HelpGroup)
app.add_typer(latency.app, name="latency", cls=HelpGroup)
app.add_typer(table.app, name="table", cls=HelpGroup)


@app.callback(invoke_without_command=True)
def _main(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("tiernas"))
        raise typer.Exit
