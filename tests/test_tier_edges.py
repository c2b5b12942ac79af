from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.errors import UsageError
from tiernas.testing.latency import SPACE, synthetic_table
from tiernas.tier_edges import (
    ALL_LATENCIES,
    edges_text,
    few_networks_warnings,
    latency_quantiles,
    proposed_edges,
)
from tiernas.tiers import parse_edges, sample_pools, tiers_between

EVEN = np.geomspace(0.1, 10.0, 2001)


def test_quantiles_of_latencies() -> None:
    found = latency_quantiles(np.linspace(1.0, 2.0, 101))
    assert (found[0.0], found[0.05], found[0.5], found[1.0]) == pytest.approx((1.0, 1.05, 1.5, 2.0))


def test_edges_end_where_networks_become_rare() -> None:
    assert proposed_edges(EVEN) == [1.0, 2.0, 4.0, 8.0]


def test_edges_end_with_the_budget() -> None:
    assert proposed_edges(EVEN, 3.0) == [0.375, 0.75, 1.5, 3.0]
    assert proposed_edges(EVEN, 50.0) == proposed_edges(EVEN)


def test_there_are_fewer_tiers_if_there_are_fewer_networks() -> None:
    assert proposed_edges(EVEN, 0.3) == [0.075, 0.15, 0.3]
    assert proposed_edges(EVEN, 0.101) == [0.0505, 0.101], "one tier, even of few networks"


def test_a_budget_below_all_networks_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"^--max-latency-ms 0\.05: the fastest of 2001 networks takes about 0\.1 ms here"
    ):
        proposed_edges(EVEN, 0.05, name="--max-latency-ms")


@given(st.lists(st.floats(0.01, 1000), min_size=1, max_size=50), st.none() | st.floats(0.005, 2000))
def test_every_proposed_tier_has_networks(latencies: list[float], budget: float | None) -> None:
    latency_ms = np.array(latencies)
    try:
        edges = proposed_edges(latency_ms, budget)
    except UsageError:
        assert budget is not None
        assert budget <= latency_ms.min()
        return
    assert 2 <= len(edges) <= 4
    assert all(low < high for low, high in pairwise(edges))
    assert all(tier.contains(latency_ms).any() for tier in tiers_between(edges))


def test_a_tier_of_few_networks_is_told() -> None:
    table = synthetic_table()
    everything = sample_pools(SPACE, table, [ALL_LATENCIES], 1024)[ALL_LATENCIES]
    edge, last = float(everything.latency_ms[2]), float(everything.latency_ms[-1])
    tiers = tiers_between([0.0, edge, last])
    (line,) = few_networks_warnings(sample_pools(SPACE, table, tiers, 1024).values(), 1024)
    assert line.startswith(f"tier {tiers[0].name} ms has only 2 of 1024 sampled networks")


def test_edges_are_written_as_they_are_read() -> None:
    edges = [0.375, 0.75, 1.5]
    assert parse_edges(edges_text(edges)) == tiers_between(edges)
