"""`tiernas finalists plan | import`: the best networks of a search, on a device without a connection."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json
from tiernas.cli.search import ConfigArgument, SetOption
from tiernas.cli.stopping import keeping

app = typer.Typer(
    help="Measure the best networks of a search on a device without a connection.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_log = logging.getLogger("tiernas.search")


@app.command()
def plan(
    config: ConfigArgument,
    set_: SetOption = None,
    output: Annotated[Path, typer.Option("--output", help="File to write.")] = Path("kit.pyz"),
    as_json: JsonOption = False,
) -> None:
    """Write a program that measures the best networks of every tier there. Exits with 3 if none needs it now."""
    log_to_stderr()
    from tiernas.config import load_config
    from tiernas.job.finalists_kit import write_finalists_kit

    loaded = load_config(config, set_ or ())
    with keeping("nothing was written"):
        count = write_finalists_kit(loaded, output, progress=_show)
    if as_json:
        print_json({"kit": str(output), "networks": count})
    else:
        typer.echo(
            f"{output} measures {count} networks. On the device: python3 {output.name}\n"
            f"Then copy results.jsonl here: tiernas finalists import {config} results.jsonl"
        )


@app.command("import")
def import_results(
    config: ConfigArgument,
    results: Annotated[Path, typer.Argument(metavar="RESULTS.jsonl", help="What the kit wrote.")],
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the results of a kit; the search takes them up when it is run again."""
    log_to_stderr()
    from tiernas.config import load_config
    from tiernas.job.finalists_kit import import_finalists

    count = import_finalists(load_config(config, set_ or ()), results)
    if as_json:
        print_json({"results": count})
    else:
        typer.echo(f"{count} networks are measured. Go on with: tiernas search {config}")


def _show(done: int, wanted: int) -> None:
    _log.info("%d/%d  exported", done, wanted)
