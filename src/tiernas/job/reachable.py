"""Tiers below the fastest network are found by measuring one network, before a whole latency table is built."""

from __future__ import annotations

import logging

from tiernas.config import SearchConfig
from tiernas.engines import Engine, TurnRule
from tiernas.errors import UsageError
from tiernas.latency import measure_architecture
from tiernas.latency.measuring.ladder import Ladder, rungs_of
from tiernas.rounding import apart, rounded_up
from tiernas.spaces import SearchSpace
from tiernas.spaces.macs import smallest

_RULE = TurnRule(relative_width=0.05, limit_s=2.0)
"""This latency only tells what is possible; finalists are measured more precisely."""

_SURE = 0.5
"""A tier that ends below this share of the measured latency is refused.

The network with the fewest multiply-accumulates need not be the fastest, and a busy machine slows it down; in between,
the latency table decides."""

_log = logging.getLogger(__name__)


def require_reachable(config: SearchConfig, space: SearchSpace, engine: Engine, num_classes: int) -> None:
    """Measures the smallest of the networks that a search samples, and refuses tiers that are far below it.

    A tier that is below it, but not far, is warned of.

    Args:
        config: The search.
        space: Its space.
        engine: The engine to measure with.
        num_classes: Classes of the data.

    Raises:
        UsageError: A tier ends below half of that latency.
    """
    vectors = space.sample(config.tiers.pool, config.study.seed)
    architecture = space.decode(smallest(space, vectors))
    with Ladder(rungs_of(space, num_classes), engine) as ladder:
        fastest_ms = measure_architecture(architecture, num_classes, ladder, _RULE).latency_ms
    below = [tier for tier in config.tier_list() if tier.high_ms <= fastest_ms]
    if not below:
        return
    refused = [tier for tier in below if tier.high_ms <= _SURE * fastest_ms]
    told = refused or below
    _, fastest = apart(told[-1].high_ms, fastest_ms)
    names = " and ".join(tier.name for tier in told)
    where = f"{engine.fingerprint().device} ({engine.name} {engine.precision}, threads: {engine.threads})"
    taken = f"the smallest of {len(vectors)} sampled networks of {space.name!r} takes {fastest} ms on {where}"
    if refused:
        raise UsageError(
            f"tiers.edges: no network is as fast as tier {names} ms: {taken}. Choose edges above that, such as "
            f"{rounded_up(2 * fastest_ms)}"
        )
    _log.warning("tiers.edges: tier %s ms may be empty: %s", names, taken)
