"""The search of every tier: reused accuracies, optimizer and training."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tiernas.blocks.rows import IntArray
from tiernas.config import SearchConfig
from tiernas.doubts import accuracy_doubts, edge_doubts
from tiernas.latency import LatencyTable
from tiernas.ledger import Candidate, Ledger, Purpose, State, Study
from tiernas.limits import WithinLimits
from tiernas.search import Optimizer
from tiernas.spaces import SearchSpace
from tiernas.study import LOW_TAU, Proposals, ScreenReport, Trainings, report_screen, reuse_accuracies, train_candidates
from tiernas.tier_edges import few_networks_warnings
from tiernas.tiers import Pool, Tier, narrow_tier_warnings, sample_pools
from tiernas.training.data_size import DataSize

_log = logging.getLogger(__name__)


def search_tiers(
    config: SearchConfig,
    ledger: Ledger,
    studies: Mapping[Tier, Study],
    space: SearchSpace,
    table: LatencyTable,
    within: WithinLimits,
    trainings: Trainings,
    data: DataSize,
) -> None:
    """Searches the tiers one after the other, each with the results of the earlier ones.

    Raises:
        UsageError: A tier has no network, or none within the limits; accuracies cannot be reused; or training met a
            problem that the user must fix.
        StoppedError: The user asked to stop.
    """
    pools = sample_pools(space, table, list(studies), config.tiers.pool, config.study.seed, within)
    for pool in pools.values():
        beyond = f"; {pool.excluded} others are beyond the limits" if pool.excluded else ""
        _log.info("tier %s ms: %d of %d sampled networks%s", pool.tier.name, len(pool), config.tiers.pool, beyond)
    narrow = narrow_tier_warnings(list(studies), table)
    for line in (*narrow, *few_networks_warnings(pools.values(), config.tiers.pool)):
        _log.warning("%s", line)
    pending = config.search.distance
    if pending is not None and pending + 1 < (clients := trainings.executor.clients):
        _log.warning(
            "search.pending = %d keeps at most %d of %d workers busy; raise it, or set search.order = 'asynchronous'",
            pending,
            pending + 1,
            clients,
        )
    for pool in pools.values():
        study = studies[pool.tier]
        reuse_accuracies(ledger, study, pool.tier, table.estimate, config.search.reuse, within)
        optimizer = _optimizer(config, space, table, within, pool)
        history = ledger.candidates(study, Purpose.HISTORY)
        proposals = Proposals(ledger, study, space, optimizer, table.estimate, pending, history)
        candidates = train_candidates(trainings, study, Purpose.SEARCH, proposals.next, config.search.trainings)
        if trainings.screen is not None:
            _log_screen(pool.tier, report_screen(candidates, trainings.screen, config.recipe.epochs))
        for line in _doubts(config, pool.tier, space, candidates, data):
            _log.warning("%s", line)


def _doubts(
    config: SearchConfig, tier: Tier, space: SearchSpace, candidates: Sequence[Candidate], data: DataSize
) -> Iterator[str]:
    """Reasons to doubt the result of a tier."""
    done = [c for c in candidates if c.state is State.DONE and c.accuracy is not None]
    accuracies = [c.accuracy or 0.0 for c in done]
    yield from accuracy_doubts(tier.name, accuracies, validation=data.validation, chance=data.chance)
    if done:
        yield from edge_doubts(
            tier,
            space,
            np.array([c.vector for c in done]),
            np.array([c.estimated_latency_ms for c in done]),
            np.array(accuracies),
            first=tier == config.tier_list()[0],
            last=tier == config.tier_list()[-1],
        )


def _log_screen(tier: Tier, report: ScreenReport) -> None:
    saved = f"{report.epochs_spent} epochs were trained instead of {report.epochs_without}"
    _log.info("tier %s ms: with the screen %s", tier.name, saved)
    for rung in report.rungs:
        where = f"tier {tier.name} ms: {rung.pruned} of {rung.reached} pruned after {rung.epochs} epochs"
        if rung.tau is None:
            _log.info("%s; too few training runs (%d) to say whether they were the right ones", where, rung.pairs)
            continue
        tau = f"Kendall's tau to the final accuracy {rung.tau:.2f} ({rung.tau_low:.2f} to {rung.tau_high:.2f})"
        _log.info("%s; %s, %d training runs", where, tau, rung.pairs)
        if rung.tau < LOW_TAU:
            _log.warning(
                "tier %s ms: accuracies after %d epochs say little about the final ones (tau below %.1f): set "
                "search.screen.epochs later, or disable the screen",
                tier.name,
                rung.epochs,
                LOW_TAU,
            )


def _optimizer(
    config: SearchConfig, space: SearchSpace, table: LatencyTable, within: WithinLimits, pool: Pool
) -> Optimizer:
    def feasible(rows: IntArray) -> npt.NDArray[np.bool_]:
        vectors = space.from_levels(rows)
        inside = pool.tier.contains(table.estimate(vectors))
        candidates = np.flatnonzero(inside)
        inside[candidates] = within(vectors[candidates])
        return inside

    def canonical(rows: IntArray) -> IntArray:
        return space.to_levels(space.canonical(space.from_levels(rows)))

    return config.search.optimizer_factory()(
        space.levels,
        categorical=[d.categorical for d in space.dimensions],
        feasible=feasible,
        pool=space.to_levels(pool.vectors),
        canonical=canonical,
        seed=config.study.seed,
    )
