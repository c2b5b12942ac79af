"""`tiernas control`: orders to a search, whether it runs or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json
from tiernas.cli.search import ConfigArgument, SetOption

if TYPE_CHECKING:
    from tiernas.ledger import Ledger

app = typer.Typer(
    help="Give orders to a search; a running server obeys within a second, one that is started later at once.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

TierOption = Annotated[str, typer.Option("--tier", metavar="TIER", help="Name of the tier, such as 0.2-0.4.")]
NumberArgument = Annotated[int, typer.Argument(metavar="CANDIDATE", help="Its number.")]
PurposeOption = Annotated[Literal["search", "repeat", "final"], typer.Option("--for", help="What it is trained for.")]


@app.command()
def pause(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Start no more trainings; those that run go on."""
    _order(config, set_, json, lambda ledger: ledger.pause_study(True), "paused")


@app.command()
def resume(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Start trainings again."""
    _order(config, set_, json, lambda ledger: ledger.pause_study(False), "resumed")


@app.command()
def trainings(
    config: ConfigArgument,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Trainings per tier.")],
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Change the number of trainings per tier; it replaces search.trainings for good."""
    _order(config, set_, json, lambda ledger: ledger.set_trainings(number), f"{number} trainings per tier")


@app.command()
def requeue(
    config: ConfigArgument,
    candidate: NumberArgument,
    tier: TierOption,
    purpose: PurposeOption = "search",
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Try a candidate again that failed; it gets three attempts."""
    from tiernas.ledger import Purpose

    def order(ledger: Ledger) -> None:
        ledger.requeue(tier, candidate, Purpose(purpose))

    _order(config, set_, json, order, f"candidate {candidate} of tier {tier} ms is tried again")


@app.command()
def drop(
    config: ConfigArgument,
    candidate: NumberArgument,
    tier: TierOption,
    purpose: PurposeOption = "search",
    reason: Annotated[str, typer.Option(help="Why; it is kept.")] = "dropped by the user",
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Give a candidate up that waits or runs; a running training is ended at once."""
    from tiernas.ledger import Purpose

    def order(ledger: Ledger) -> None:
        ledger.drop(tier, candidate, Purpose(purpose), reason)

    _order(config, set_, json, order, f"candidate {candidate} of tier {tier} ms is dropped")


def _order(config: Path, set_: list[str] | None, json: bool, order: Callable[[Ledger], None], done: str) -> None:
    log_to_stderr()
    from tiernas.config import load_config
    from tiernas.ledger import Ledger

    with Ledger.of_begun_search(load_config(config, set_ or ()).ledger) as ledger:
        order(ledger)
        orders, serving = ledger.orders(), ledger.serving()
    server = str(serving.server) if serving and serving.alive else None
    if json:
        print_json({"paused": orders.paused, "trainings": orders.trainings, "server": server})
    else:
        typer.echo(done + (f"; told {server}" if server else "; no server runs: it holds for the next one"))
