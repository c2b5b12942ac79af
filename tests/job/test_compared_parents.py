"""The tier of a whole parent."""

from __future__ import annotations

import pytest

from tiernas.job.compared_parents import nearest_tier
from tiernas.tiers import Tier

LOW, HIGH = Tier(0.2, 0.4), Tier(0.4, 0.8)


@pytest.mark.parametrize(
    ("latency_ms", "tier"), [(0.01, LOW), (0.2, LOW), (0.3999, LOW), (0.4, HIGH), (0.7, HIGH), (0.8, HIGH), (9.0, HIGH)]
)
def test_it_is_the_one_that_contains_the_latency_or_the_nearest(latency_ms: float, tier: Tier) -> None:
    assert nearest_tier((LOW, HIGH), latency_ms) == tier


def test_a_tier_may_start_at_zero() -> None:
    assert nearest_tier((Tier(0, 0.2), HIGH), 0.9) == HIGH
