"""`tiernas verdict`."""

from __future__ import annotations

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json
from tiernas.cli.search import ConfigArgument, SetOption


def verdict(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Say what the search gained over its rivals and over random networks, and what it cost."""
    log_to_stderr()
    from tiernas.config import load_config
    from tiernas.gain import read_verdict

    found = read_verdict(load_config(config, set_ or ()))
    if json:
        print_json(found.to_dict())
    else:
        typer.echo("\n".join(found.lines))
