"""What an optimizer may propose: networks of the tier, within the limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.minimal import write_minimal

from tiernas.config import load_config
from tiernas.job.tier_search import _optimizer
from tiernas.limits import Limits, WithinLimits
from tiernas.spaces.sizes import network_sizes
from tiernas.testing.latency import SPACE, synthetic_table
from tiernas.tiers import Tier, sample_pools


@pytest.mark.parametrize("name", ["lamcts", "evolution"])
def test_proposals_are_in_the_tier_and_within_the_limits(tmp_path: Path, name: str) -> None:
    config = load_config(write_minimal(tmp_path), [f"search.optimizer={name}"])
    table = synthetic_table()
    low_ms, high_ms = np.quantile(table.estimate(SPACE.sample(256)), [0.2, 0.6])
    tier = Tier(float(low_ms), float(high_ms))
    (free,) = sample_pools(SPACE, table, [tier], 256).values()
    limits = Limits(params=int(np.median(network_sizes(SPACE, free.vectors, 10).params)))
    within = WithinLimits(limits, SPACE, num_classes=10, precision="fp32", batch=1)
    (pool,) = sample_pools(SPACE, table, [tier], 256, within=within).values()
    optimizer = _optimizer(config, SPACE, table, within, pool)
    for number in range(5):
        rows = optimizer.ask(4)
        vectors = SPACE.from_levels(rows)
        assert within(vectors).all()
        assert tier.contains(table.estimate(vectors)).all()
        optimizer.tell(rows, [number / 9, 0.1, 0.2, 0.3])
