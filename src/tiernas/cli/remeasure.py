"""`tiernas remeasure`: entries of a model table, or of a search, measured again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json
from tiernas.cli.search import SetOption
from tiernas.errors import TiernasError, UsageError

if TYPE_CHECKING:
    from tiernas.table.remeasure import Remeasured


def remeasure(
    what: Annotated[
        Path,
        typer.Argument(metavar="CONFIG.toml|TABLE", help="Configuration of a search, or folder of a model table."),
    ],
    entry: Annotated[
        list[str] | None, typer.Option("--entry", metavar="NAME", help="Only this entry; may be repeated.")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            min=0.01,
            help="Time limit per network; three times as long without quiet moments.",
            show_default="finalists.measure_seconds of a search; 10 for a table",
        ),
    ] = None,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Measure entries of a model table again on this machine, interleaved with the same anchors.

    Of a search these are its finalists, whole parents and rivals in the table. Accuracies stay, and an entry lists its
    earlier latencies. Entries of other devices, engines or versions of engines are left alone.
    """
    log_to_stderr()
    from tiernas.cli.stopping import keeping
    from tiernas.cli.table import show_entries

    with keeping("entries measured so far have their new latency"):
        found = _measured(what, entry or (), seconds, set_)
    if json:
        print_json(
            {
                "remeasured": [renewed.to_dict() for renewed in found.entries],
                "unsettled": [kept.name for kept in found.unsettled],
                "failed": dict(found.failed),
                "elsewhere": found.elsewhere,
            }
        )
    else:
        show_entries(sorted([*found.entries, *found.unsettled], key=lambda e: e.latency_ms))
        typer.echo(_told(found))
    if found.failed:
        raise TiernasError(f"{len(found.failed)} of the entries could not be measured: {', '.join(found.failed)}")


def _measured(what: Path, names: list[str] | tuple[()], seconds: float | None, set_: list[str] | None) -> Remeasured:
    from tiernas.remeasuring import remeasure_search, remeasure_table

    if not what.is_dir():
        from tiernas.config import load_config

        return remeasure_search(load_config(what, set_ or ()), names, seconds)
    if set_:
        raise UsageError(f"--set: {what} is a model table; only the values of a configuration can be overridden")
    from tiernas.latency.measuring.measure import LIMIT_S
    from tiernas.table import ModelTable

    return remeasure_table(ModelTable(what), names, seconds or LIMIT_S)


def _told(found: Remeasured) -> str:
    """What was done, in one line."""
    parts = [f"{len(found.entries)} measured again"]
    if found.unsettled:
        parts.append(f"{len(found.unsettled)} kept their latency, because the new interval stayed wide")
    if found.elsewhere:
        parts.append(f"{found.elsewhere} left alone: of another device, engine, or version of it")
    return "; ".join(parts)
