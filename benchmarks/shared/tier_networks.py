"""Networks of a tier, drawn at random."""

from __future__ import annotations

import hashlib

import numpy as np

from tiernas.config import SearchConfig
from tiernas.errors import UsageError
from tiernas.latency import LatencyTable
from tiernas.spaces import Architecture, SearchSpace
from tiernas.tiers import Tier, sample_pools


def table_digest(config: SearchConfig) -> str:
    """16 hexadecimal digits of the latency table of a search.

    Raises:
        UsageError: There is none.
    """
    require_table(config)
    return hashlib.sha256(config.latency_table_path.read_bytes()).hexdigest()[:16]


def require_table(config: SearchConfig) -> None:
    """Refuses a search without a latency table.

    Raises:
        UsageError: There is none.
    """
    if not config.latency_table_path.exists():
        raise UsageError(f"no latency table {config.latency_table_path}: start the search, or `tiernas latency build`")


def draw_networks(config: SearchConfig, space: SearchSpace, tier: Tier, count: int) -> list[Architecture]:
    """Different networks of a tier, in random order that depends on the study's seed alone.

    Raises:
        UsageError: There is no latency table, or the tier contains fewer networks.
    """
    require_table(config)
    table = LatencyTable.load(config.latency_table_path, space)
    pool = sample_pools(space, table, [tier], n=config.tiers.pool, seed=config.study.seed)[tier]
    if len(pool) < count:
        raise UsageError(f"--networks = {count}: tier {tier.name} has {len(pool)} networks; use at most that many")
    rows = np.random.default_rng(config.study.seed).permutation(len(pool))[:count]
    return [space.decode(vector) for vector in pool.vectors[rows]]
