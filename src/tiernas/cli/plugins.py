"""`tiernas plugins`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from tiernas.cli.output import JsonOption, print_json, print_table

if TYPE_CHECKING:
    from tiernas.plugins import Listing


def plugins(as_json: JsonOption = False) -> None:
    """List spaces, blocks, engines, optimizers, data sources and teachers, their origin, and how a TOML names them."""
    from tiernas.catalogue import KINDS

    found = [line for kind in KINDS for line in kind.listed()]
    if as_json:
        print_json({"plugins": [asdict(line) for line in found]})
        return
    print_table([asdict(line) | {"from": _origin(line)} for line in found], _COLUMNS)
    for line in found:
        if line.problem is not None:
            typer.echo(f"{line.kind} {line.name} ({line.origin}, {line.reference}) cannot be used: {line.problem}")
    typer.echo("package.module:object can be used in place of any name (docs/extending.md).")


def _origin(line: Listing) -> str:
    return line.origin if line.problem is None else f"broken: {line.origin}"


_COLUMNS = {"kind": "kind", "name": "name", "from": "from", "use": "how to use it"}
