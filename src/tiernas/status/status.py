"""The state of a search as plain values; read from the ledger alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from tiernas.config import SearchConfig
from tiernas.doubts import accuracy_doubts, edge_doubts
from tiernas.errors import TiernasError
from tiernas.ledger import Candidate, Ledger, Purpose, Running, State, Study
from tiernas.plan import Basis, SearchPlan, plan_search
from tiernas.plan.progress import observed_basis, search_progress
from tiernas.plan.workers import Workers
from tiernas.spaces import get_space
from tiernas.study import error_of_means, report_screen
from tiernas.training.data_size import DataSize

_WINDOW = dt.timedelta(hours=1)
"""Throughput is that of the last hour, so that it follows workers that come and go."""


def read_status(config: SearchConfig) -> dict[str, Any]:
    """The state of a search; fast on 100,000 candidates, except for the report of a screen.

    Returns:
        `study`; `limits` (the most that its networks may have, by name); `time` (UTC); `server` (None if none is
        running; else `name`, the number of workers as `clients` and how many are `idle`); `paused`; `candidates`
        (number by state, over all tiers); `tiers` (for each its candidates by state, its finalists, its best, what was
        reused and the effect of the screen); `rivals` (name, state, latency and accuracies of those measured so far)
        and `rivals_wanted`; `running` (what each worker does); `ended_per_hour` (training runs that ended in the last
        hour, or since the search began; None if nothing is running); `plan` (what is left to do, see
        `tiernas.plan.SearchPlan.to_dict`) and `hours_to_go` (for all of it), both None if the output folder does not
        say what the plan is based on; `doubts` (accuracies that may be chance, and, once the search of a tier is over,
        best candidates at an edge of the space or the tiers, in words); and `failures` (each failed candidate with its
        reason).

    Raises:
        NothingFoundError: The search has not started.
    """
    now = dt.datetime.now(dt.UTC)
    with Ledger.of_begun_search(config.ledger) as ledger:
        orders, serving = ledger.orders(), ledger.serving()
        wanted = orders.trainings or config.search.trainings
        studies = ledger.studies()
        tiers = [_tier(config, ledger, study, wanted) for study in studies]
        running = [_running(config, r, now) for r in ledger.running()]
        per_hour = _ended_per_hour(ledger, studies, now) if running else None
        failures = [asdict(f) for f in ledger.failures()]
        rivals = [_rival(each) for study in studies for each in ledger.candidates(study, Purpose.RIVAL)]
        working = serving is not None and serving.alive
        basis = Basis.read(config.study.output)
        clients = serving.clients if serving is not None and working else None
        plan = None if basis is None else _plan(config, ledger, basis, clients)
        doubts = [] if basis is None else [line for study in studies for line in _doubts(ledger, study, basis.data)]
        over = [study for study, tier in zip(studies, tiers, strict=True) if tier["ended"] >= wanted]
        doubts += [line for study in over for line in _edge_doubts(config, ledger, study)]
    return {
        "study": config.study.name,
        "limits": config.limits.limits.given,
        "time": now.isoformat(timespec="seconds"),
        "server": {"name": str(serving.server), "clients": serving.clients, "idle": serving.idle}
        if serving is not None and working
        else None,
        "paused": orders.paused,
        "candidates": {str(state): sum(tier[str(state)] for tier in tiers) for state in State},
        "tiers": tiers,
        "rivals": rivals,
        "rivals_wanted": max(len(config.rivals.names), len(rivals)),
        "running": running,
        "ended_per_hour": per_hour,
        "plan": plan and plan.to_dict(),
        "hours_to_go": None if plan is None or plan.seconds is None else plan.seconds / 3600,
        "doubts": doubts,
        "failures": [
            {"tier": f["study"], "purpose": str(f["purpose"]), "candidate": f["number"], "reason": f["reason"]}
            for f in failures
        ],
    }


def _plan(config: SearchConfig, ledger: Ledger, basis: Basis, clients: int | None) -> SearchPlan:
    """What is left to do with the workers that there are, or those that are configured."""
    workers = Workers.of(config)
    if clients:
        workers = replace(workers, count=clients)
    return plan_search(config, observed_basis(config, ledger, basis), workers, search_progress(config, ledger))


def _doubts(ledger: Ledger, study: Study, data: DataSize) -> Iterator[str]:
    yield from accuracy_doubts(study.name, ledger.accuracies(study), validation=data.validation, chance=data.chance)


def _edge_doubts(config: SearchConfig, ledger: Ledger, study: Study) -> Iterator[str]:
    """Lines about the best of a tier being at an edge; none if the space of the search cannot be read here."""
    tiers = config.tier_list()
    tier = next((tier for tier in tiers if tier.name == study.name), None)
    try:
        space = get_space(config.space_name)
    except TiernasError:
        return
    found = [each for each in ledger.trained(study) if len(each[0]) == len(space.dimensions)]
    if tier is None or not found:
        return
    vectors, latency_ms, accuracies = (np.array(column) for column in zip(*found, strict=True))
    yield from edge_doubts(tier, space, vectors, latency_ms, accuracies, first=tier == tiers[0], last=tier == tiers[-1])


def _tier(config: SearchConfig, ledger: Ledger, study: Study, wanted: int) -> dict[str, Any]:
    states = ledger.count(study)
    repeats, finalists = ledger.count(study, Purpose.REPEAT), ledger.count(study, Purpose.FINAL)
    best, chosen = ledger.most_accurate(study), ledger.best(study)
    repeated = chosen.repeated if chosen else None
    screen = config.search.screen_rule
    report = None
    if screen is not None:
        report = asdict(report_screen(ledger.candidates(study, all_attempts=False), screen, config.recipe.epochs))
    return {
        "tier": study.name,
        **{str(state): states[state] for state in State},
        "ended": states.total() - states[State.PENDING] - states[State.RUNNING],
        "wanted": wanted,
        "repeats": repeats.total(),
        "repeats_done": repeats.total() - repeats[State.PENDING] - repeats[State.RUNNING],
        "finalists": finalists.total(),
        "finalists_done": finalists[State.DONE],
        "best_candidate": best.number if best else None,
        "best_accuracy": best.accuracy if best else None,
        "best_latency_ms": best.estimated_latency_ms if best else None,
        "best_repeated": repeated,
        "best_repeated_candidate": chosen.number if chosen and repeated else None,
        "best_mean_accuracy": repeated["rank_accuracy"] if repeated else None,
        "best_mean_error": error_of_means(ledger.repeated(study)),
        "reused": ledger.count(study, reused=True).total(),
        "reused_from": study.reused or {},
        "screen": report,
    }


def _rival(candidate: Candidate) -> dict[str, Any]:
    """A rival; its latency is that of its trained weights once it was deployed."""
    measured, result = candidate.measurement or {}, candidate.result or {}
    deployed = measured.get("deployment", {})
    return {
        "rival": candidate.rival["name"] if candidate.rival else str(candidate.number),
        "state": str(candidate.state),
        "latency_ms": (deployed.get("latency") or measured).get("latency_ms"),
        "validation_accuracy": candidate.accuracy,
        "test_accuracy": deployed.get("accuracy", result.get("test_accuracy")),
    }


def _running(config: SearchConfig, running: Running, now: dt.datetime) -> dict[str, Any]:
    epochs = config.finalists.epochs if running.purpose.is_final else config.recipe.epochs
    return {
        "tier": running.study,
        "purpose": str(running.purpose),
        "candidate": running.number,
        "attempt": running.attempt,
        "epochs": running.epochs,
        "of_epochs": epochs,
        "validation_accuracy": running.validation_accuracy,
        "since": running.started_at.isoformat(timespec="seconds"),
        "minutes": (now - running.started_at).total_seconds() / 60,
        "worker": running.worker,
        "node": running.node,
        "gpu": running.gpu,
    }


def _ended_per_hour(ledger: Ledger, studies: Sequence[Study], now: dt.datetime) -> float | None:
    """Training runs that ended in the last hour, or since the search began, per hour; None if none has."""
    since = max(now - _WINDOW, min(study.created_at for study in studies))
    ended, hours = ledger.ended_since(since), (now - since) / dt.timedelta(hours=1)
    return ended / hours if ended and hours > 0 else None
