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

    def order(ledger: Ledger) -> str:
        ledger.pause_study(True)
        return "paused"

    _order(config, set_, json, order)


@app.command()
def resume(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Start trainings again."""

    def order(ledger: Ledger) -> str:
        ledger.pause_study(False)
        return "resumed"

    _order(config, set_, json, order)


@app.command()
def trainings(
    config: ConfigArgument,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Trainings per tier.")],
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Change the number of trainings per tier; it replaces search.trainings for good."""

    def order(ledger: Ledger) -> str:
        ledger.set_trainings(number)
        return f"{number} trainings per tier"

    _order(config, set_, json, order)


@app.command()
def requeue(
    config: ConfigArgument,
    candidate: Annotated[int | None, typer.Argument(metavar="[CANDIDATE]", help="Its number.")] = None,
    tier: Annotated[str | None, typer.Option("--tier", metavar="TIER", help="Name of the tier, as 0.2-0.4.")] = None,
    purpose: Annotated[
        Literal["search", "repeat", "final"] | None,
        typer.Option("--for", help="What it is trained for; by default search, and with --failed everything."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed, of all tiers or of one.")] = False,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Try a candidate again that failed, or all that did; each gets three attempts."""
    from tiernas.errors import UsageError
    from tiernas.ledger import Purpose

    if failed == (candidate is not None):
        raise UsageError("requeue: give either the number of a CANDIDATE or --failed")
    if candidate is None:

        def order_all(ledger: Ledger) -> str:
            number = ledger.requeue_failed(tier, None if purpose is None else Purpose(purpose))
            if number == 1:
                return "1 candidate that failed is tried again"
            return f"{number} candidates that failed are tried again" if number else "no candidate has failed"

        _order(config, set_, json, order_all)
        return
    if tier is None:
        raise UsageError(f"requeue {candidate}: its tier is missing; give --tier TIER")

    def order(ledger: Ledger) -> str:
        ledger.requeue(tier, candidate, Purpose(purpose or "search"))
        return f"candidate {candidate} of tier {tier} ms is tried again"

    _order(config, set_, json, order)


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

    def order(ledger: Ledger) -> str:
        ledger.drop(tier, candidate, Purpose(purpose), reason)
        return f"candidate {candidate} of tier {tier} ms is dropped"

    _order(config, set_, json, order)


def _order(config: Path, set_: list[str] | None, json: bool, order: Callable[[Ledger], str]) -> None:
    """Gives an order, which returns what to tell the user."""
    log_to_stderr()
    from tiernas.config import load_config
    from tiernas.ledger import Ledger

    with Ledger.of_begun_search(load_config(config, set_ or ()).ledger) as ledger:
        done = order(ledger)
        orders, serving = ledger.orders(), ledger.serving()
    server = str(serving.server) if serving and serving.alive else None
    if json:
        print_json({"paused": orders.paused, "trainings": orders.trainings, "server": server})
    else:
        typer.echo(done + (f"; told {server}" if server else "; no server runs: it holds for the next one"))
