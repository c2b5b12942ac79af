"""`tiernas control`: orders to a search, running or not."""

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
    help="Control a search. A running server obeys within a second, a server that starts later at once.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

TierOption = Annotated[str, typer.Option("--tier", metavar="TIER", help="Tier, such as 0.2-0.4.")]
NumberArgument = Annotated[int, typer.Argument(metavar="CANDIDATE", min=1, help="Candidate number, from 1.")]
PurposeOption = Annotated[
    Literal["search", "repeat", "final", "parent", "rival", "seed"], typer.Option("--for", help="Kind of candidate.")
]


@app.command()
def pause(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Start no new candidates; running ones continue."""

    def order(ledger: Ledger) -> str:
        ledger.pause_study(True)
        return "paused"

    _order(config, set_, json, order)


@app.command()
def resume(config: ConfigArgument, set_: SetOption = None, json: JsonOption = False) -> None:
    """Start new candidates again."""

    def order(ledger: Ledger) -> str:
        ledger.pause_study(False)
        return "resumed"

    _order(config, set_, json, order)


@app.command()
def trainings(
    config: ConfigArgument,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Candidates per tier.")],
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Set the number of candidates per tier, permanently replacing search.trainings."""

    def order(ledger: Ledger) -> str:
        ledger.set_trainings(number)
        return f"{number} candidates per tier"

    _order(config, set_, json, order)


@app.command()
def requeue(
    config: ConfigArgument,
    candidate: Annotated[
        int | None, typer.Argument(metavar="[CANDIDATE]", min=1, help="Candidate number, from 1.")
    ] = None,
    tier: Annotated[str | None, typer.Option("--tier", metavar="TIER", help="Tier, such as 0.2-0.4.")] = None,
    purpose: Annotated[
        Literal["search", "repeat", "final", "parent", "rival", "seed"] | None,
        typer.Option("--for", help="Kind of candidate [default: search; with --failed: all]."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All failed candidates, of all tiers or of --tier.")] = False,
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Give a failed candidate, or all of them, three more attempts."""
    from tiernas.errors import UsageError
    from tiernas.ledger import Purpose

    if failed == (candidate is not None):
        raise UsageError("requeue: give either the number of a CANDIDATE or --failed")
    if candidate is None:

        def order_all(ledger: Ledger) -> str:
            number = ledger.requeue_failed(tier, None if purpose is None else Purpose(purpose))
            if number == 1:
                return "1 failed candidate is requeued"
            return f"{number} failed candidates are requeued" if number else "no candidate has failed"

        _order(config, set_, json, order_all)
        return
    if tier is None:
        raise UsageError(f"requeue {candidate}: give its tier with --tier TIER")

    def order(ledger: Ledger) -> str:
        ledger.requeue(tier, candidate, Purpose(purpose or "search"))
        return f"candidate {candidate} of tier {tier} ms is requeued"

    _order(config, set_, json, order)


@app.command()
def drop(
    config: ConfigArgument,
    candidate: NumberArgument,
    tier: TierOption,
    purpose: PurposeOption = "search",
    reason: Annotated[str, typer.Option(help="Recorded in the ledger.")] = "dropped by the user",
    set_: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Give up a waiting or running candidate; training stops at once."""
    from tiernas.ledger import Purpose

    def order(ledger: Ledger) -> str:
        ledger.drop(tier, candidate, Purpose(purpose), reason)
        return f"candidate {candidate} of tier {tier} ms is dropped"

    _order(config, set_, json, order)


def _order(config: Path, set_: list[str] | None, json: bool, order: Callable[[Ledger], str]) -> None:
    """Applies an order to the ledger and prints its message."""
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
        typer.echo(done + (f"; sent to {server}" if server else "; no server is running, the next one will obey"))
