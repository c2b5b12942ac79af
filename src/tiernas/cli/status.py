"""`tiernas status`."""

from __future__ import annotations

import json as json_text
import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tiernas.cli.output import JsonOption, log_to_stderr, make_table, out, print_json
from tiernas.cli.search import ConfigArgument, SetOption
from tiernas.rounding import duration_words

_REFRESH_S = 2.0

_SHOWN_IF_ANY = ("running", "pending", "pruned", "failed", "dropped", "reused", "repeats_done", "finalists_done")
"""Optional columns: together they exceed 80 characters, but most are usually empty."""

_ROWS = 12
"""Running and failed candidates that are shown; the JSON document has all of them."""


def status(
    config: ConfigArgument,
    set_: SetOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    json: JsonOption = False,
) -> None:
    """Show what is done and running, and what failed and why."""
    log_to_stderr()
    from tiernas.config import load_config
    from tiernas.status import read_status

    loaded = load_config(config, set_ or ())
    if watch:
        _watch(lambda: read_status(loaded), json=json)
    elif json:
        print_json(read_status(loaded))
    else:
        out.print(draw(read_status(loaded)))


def _watch(read: Any, *, json: bool) -> None:
    """Shows the status until Ctrl-C: refreshed on a terminal, elsewhere a line per change."""
    try:
        if out.is_terminal and not json:
            with Live(draw(read()), console=out, auto_refresh=False, screen=False) as live:
                while True:
                    time.sleep(_REFRESH_S)
                    live.update(draw(read()), refresh=True)
        last = ""
        while True:
            found = read()
            line = json_text.dumps(found, allow_nan=False) if json else line_of(found)
            if json or line != last:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
                last = line
            time.sleep(_REFRESH_S)
    except KeyboardInterrupt:
        return


def line_of(found: dict[str, Any]) -> str:
    """The status in one line."""
    parts = [f"{found['study']}: {len(found['running'])} running"]
    for tier in found["tiers"]:
        best = "" if tier["best_accuracy"] is None else f", best {tier['best_accuracy']:.2%}"
        failed = f", {tier['failed']} failed" if tier["failed"] else ""
        parts.append(f"tier {tier['tier']} ms {tier['ended']}/{tier['wanted']}{failed}{best}")
    if found["rivals_wanted"]:
        done = sum(rival["state"] == "done" for rival in found["rivals"])
        parts.append(f"rivals {done}/{found['rivals_wanted']}")
    return "; ".join(parts + _pace(found))


def draw(found: dict[str, Any]) -> RenderableType:
    """The status as tables that fit into 80 characters."""
    parts: list[RenderableType] = [_tiers(found), Text("; ".join(_pace(found)))]
    if found["limits"]:
        from tiernas.limits import Limits

        parts.append(Text(f"limits: {Limits(**found['limits']).words}"))
    parts += [_screen(tier) for tier in found["tiers"] if tier["screen"]]
    parts += [Text(f"note: {line}") for line in found["doubts"]]
    if found["rivals_wanted"]:
        parts.append(_rivals(found))
    if found["running"]:
        parts.append(_running(found["running"]))
    if failures := found["failures"]:
        columns = {"tier": "tier (ms)", "purpose": "for", "candidate": "candidate", "reason": "reason"}
        if all(failure["purpose"] == "search" for failure in failures):
            del columns["purpose"]
        parts.append(make_table(failures[-_ROWS:], columns, title=_title("failed", failures)))
    return Group(*parts)


def _tiers(found: dict[str, Any]) -> Table:
    columns = {"tier": "tier (ms)", "done": "done", "running": "runs", "pending": "waits", "pruned": "pruned"}
    columns |= {"failed": "failed", "dropped": "dropped", "wanted": "of", "reused": "reused", "repeats_done": "repeats"}
    columns |= {"finalists_done": "final", "best_accuracy": "best", "best_latency_ms": "ms"}
    columns["best_mean_accuracy"] = "mean of seeds"
    for key in (*_SHOWN_IF_ANY, "best_mean_accuracy"):
        if not any(tier[key] for tier in found["tiers"]):
            del columns[key]
    rows = [
        tier | {"best_accuracy": _percent(tier["best_accuracy"]), "best_mean_accuracy": _with_error(tier)}
        for tier in found["tiers"]
    ]
    return make_table(rows, columns, title=f"{found['study']}: {found['candidates']['done']} candidates done")


def _rivals(found: dict[str, Any]) -> RenderableType:
    rows = [
        rival
        | {key: _percent(rival[key]) for key in ("validation_accuracy", "test_accuracy")}
        | {"latency_ms": None if rival["latency_ms"] is None else f"{rival['latency_ms']:.3f}"}
        for rival in found["rivals"]
    ]
    done = sum(rival["state"] == "done" for rival in found["rivals"])
    title = f"{done} of {found['rivals_wanted']} rivals trained"
    if not rows:
        return Text(title)
    columns = {"rival": "rival", "state": "state", "latency_ms": "ms", "validation_accuracy": "validation"}
    return make_table(rows, columns | {"test_accuracy": "test"}, title=title)


def _with_error(tier: dict[str, Any]) -> str | None:
    """The highest mean over seeds, and its standard error if that is known."""
    mean, error = tier["best_mean_accuracy"], tier["best_mean_error"]
    if mean is None or error is None:
        return _percent(mean)
    return f"{100 * mean:.2f} ± {100 * error:.2f}%"


def _percent(accuracy: float | None) -> str | None:
    return None if accuracy is None else f"{accuracy:.2%}"


def _running(running: list[dict[str, Any]]) -> Table:
    columns = {"tier": "tier (ms)", "purpose": "for", "candidate": "candidate", "attempt": "try", "epoch": "epochs"}
    columns |= {"validation_accuracy": "accuracy", "minutes": "minutes", "worker": "worker", "gpu": "GPU"}
    for key, usual in {"purpose": "search", "attempt": 1, "validation_accuracy": None, "gpu": None}.items():
        if all(r[key] == usual for r in running):
            del columns[key]
    rows = [
        r
        | {
            "epoch": f"{r['epochs']}/{r['of_epochs']}",
            "validation_accuracy": _percent(r["validation_accuracy"]),
            "minutes": f"{r['minutes']:.1f}",
        }
        for r in running[:_ROWS]
    ]
    return make_table(rows, columns, title=_title("running", running))


def _title(what: str, rows: list[Any]) -> str:
    return f"{len(rows)} {what}" + (f", {_ROWS} shown" if len(rows) > _ROWS else "")


def _screen(tier: dict[str, Any]) -> Table:
    screen = tier["screen"]
    spent = f"{screen['epochs_spent']} epochs trained instead of {screen['epochs_without']}"
    columns = {"epochs": "after epochs", "reached": "reached", "pruned": "pruned", "pairs": "trained to the end"}
    columns |= {"tau": "Kendall's tau", "tau_low": "from", "tau_high": "to"}
    return make_table(screen["rungs"], columns, title=f"screen of tier {tier['tier']} ms: {spent}")


def _pace(found: dict[str, Any]) -> list[str]:
    server = found["server"]
    parts = ["no server is running"] if server is None else [f"{server['clients']} workers, {server['idle']} idle"]
    if found["paused"]:
        parts.append("paused")
    if found["ended_per_hour"] is not None:
        parts.append(f"{found['ended_per_hour']:.1f} candidates per hour")
    if (hours := found["hours_to_go"]) is not None and hours > 0:
        parts.append(f"about {duration_words(3600 * hours)} left, finalists included")
    return parts
