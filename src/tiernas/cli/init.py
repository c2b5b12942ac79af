"""`tiernas init`."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import Annotated

import typer

from tiernas.cli.options import ChosenEngineOption, ChosenSpaceOption, PrecisionOption
from tiernas.cli.output import JsonOption, log_to_stderr, print_json
from tiernas.cli.search import SetOption
from tiernas.cli.stopping import keeping

_log = logging.getLogger("tiernas.init")


def init(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="Folder of images with a folder for each class, of parquet or tar files; or digits."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", metavar="FILE.toml", help="File to write.")] = Path("search.toml"),
    max_latency_ms: Annotated[
        float | None,
        typer.Option(
            "--max-latency-ms", min=0.001, help="Maximum latency in ms, on this machine.", show_default="none"
        ),
    ] = None,
    hours: Annotated[float, typer.Option("--hours", min=0.01, help="The search should take no longer.")] = 8.0,
    space: ChosenSpaceOption = None,
    engine: ChosenEngineOption = None,
    precision: PrecisionOption = "fp32",
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads per inference.")] = 1,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the configuration of a search for your data and this device, and say how long the search takes.

    Looks at the data and the device, measures some networks and training steps, and chooses space, tiers, epochs and
    training runs that fit. The file is commented; nothing else is written.
    """
    log_to_stderr()
    from tiernas.drafting import data_at, look_at, require_new

    require_new(output)
    found = look_at(data_at(data), "DATA")
    _log.info("%s", found.words)
    from tiernas.drafting import Wishes, disturbances, draft_search  # these import torch

    wishes = Wishes(space, max_latency_ms, engine, precision, threads, hours)
    with keeping("nothing was written"):
        disturbed = list(disturbances())
        _log.info("measuring the device: about two minutes")
        draft = draft_search(found, output, wishes, set_ or ())
    draft.write(output)
    warnings = [*found.warnings, *disturbed, *draft.warnings]
    command = f"tiernas search {shlex.quote(str(output))}"
    if as_json:
        print_json({"file": str(output), "found": list(draft.lines), "warnings": warnings, **draft.plan.to_dict()})
        return
    for line in warnings:
        _log.warning("%s", line)
    typer.echo("\n".join(draft.lines))
    typer.echo(f"Written to {output}. Read it, then start the search:  {command}")
