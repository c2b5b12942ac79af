from __future__ import annotations

import math
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.errors import UsageError
from tiernas.latency import LatencyTable
from tiernas.limits import Limits, WithinLimits
from tiernas.spaces import get_space
from tiernas.spaces.sizes import network_sizes
from tiernas.testing.latency import HEADER, SPACE, records
from tiernas.tiers import (
    Tier,
    narrow_tier_warnings,
    parse_edges,
    parse_tier,
    require_some_within,
    sample_pools,
    tiers_between,
)

EDGES = st.lists(st.floats(0, 1e6), min_size=2, max_size=8, unique=True).map(sorted)


@pytest.fixture(scope="module")
def table() -> LatencyTable:
    """A table of exact synthetic measurements."""
    return LatencyTable(HEADER, records(16))


def test_tier_is_half_open() -> None:
    tier = Tier(0.2, 0.4)
    assert tier.name == "0.2-0.4"
    assert [tier.contains(ms) for ms in (0.199, 0.2, 0.399, 0.4)] == [False, True, True, False]


def test_several_latencies_at_once_lie_where_each_does() -> None:
    tier, latencies_ms = Tier(0.2, 0.4), [0.199, 0.2, 0.399, 0.4]
    assert tier.contains(np.array(latencies_ms)).tolist() == [tier.contains(ms) for ms in latencies_ms]


def test_a_network_on_an_edge_is_in_the_pool_of_the_upper_tier_alone(table: LatencyTable) -> None:
    latencies_ms = np.unique(table.estimate(SPACE.sample(64, seed=5)))
    low_ms, edge_ms, high_ms = map(float, latencies_ms[[0, 20, 40]])
    pools = sample_pools(SPACE, table, tiers_between([low_ms, edge_ms, high_ms]), 64, seed=5)
    lower, upper = (set(pool.latency_ms.tolist()) for pool in pools.values())
    assert lower == set(latencies_ms[:20].tolist())
    assert upper == set(latencies_ms[20:40].tolist())


@given(EDGES)
def test_tiers_between_edges_cover_each_latency_once(edges: list[float]) -> None:
    tiers = tiers_between(edges)
    for latency in [*edges[:-1], *((a + b) / 2 for a, b in pairwise(edges))]:
        assert sum(tier.contains(latency) for tier in tiers) <= 1
        assert any(tier.contains(latency) for tier in tiers) == (edges[0] <= latency < edges[-1])


@given(st.lists(st.integers(0, 9999), min_size=2, max_size=8, unique=True).map(sorted))
def test_names_round_trip(thousandths: list[int]) -> None:
    tiers = tiers_between([value / 1000 for value in thousandths])
    assert tuple(parse_tier(tier.name) for tier in tiers) == tiers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "dash"),
        ("0.4-0.2", "increasing"),
        ("0.4-0.4", "increasing"),
        ("-0.1-0.4", "number"),
        ("a-0.4", "'a' is not a number"),
        ("0.4", "dash"),
        ("0.2-inf", "increasing numbers of ms"),
        ("nan-0.2", "increasing numbers of ms"),
    ],
)
def test_a_bad_tier_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_tier(text)


@pytest.mark.parametrize("edges", ["0.2", "0.4,0.2", "0.2,0.2", "-1,2", "0.2,x", "", "nan,1", "0.1,inf"])
def test_bad_edges_are_refused(edges: str) -> None:
    with pytest.raises(UsageError):
        parse_edges(edges)


def test_pools_hold_every_sampled_network_of_their_tier(table: LatencyTable) -> None:
    vectors = np.unique(SPACE.sample(512, seed=5), axis=0)
    latency = table.estimate(vectors)
    quarter, half, most = np.quantile(latency, [0.25, 0.5, 0.9])
    tiers = tiers_between([quarter, half, most])
    pools = sample_pools(SPACE, table, tiers, 512, seed=5)
    assert tuple(pools) == tiers
    for tier, pool in pools.items():
        inside = (latency >= tier.low_ms) & (latency < tier.high_ms)
        assert len(pool) == inside.sum()
        assert (np.diff(pool.latency_ms) >= 0).all()
        assert len(np.unique(pool.vectors, axis=0)) == len(pool)
        np.testing.assert_array_equal(table.estimate(pool.vectors), pool.latency_ms)
        assert pool.summary()["networks"] == len(pool)


def test_empty_pool_tells_the_range(table: LatencyTable) -> None:
    with pytest.raises(UsageError, match=r"'1000-2000'.*from .* to .* ms"):
        sample_pools(SPACE, table, [Tier(1000, 2000)], 64)


def test_a_tier_that_just_misses_is_told_with_enough_digits(table: LatencyTable) -> None:
    slowest_ms = float(table.estimate(SPACE.sample(64)).max())
    with pytest.raises(UsageError) as error:
        sample_pools(SPACE, table, [Tier(slowest_ms * (1 + 1e-9), 2000)], 64)
    shown = float(str(error.value).partition(" to ")[2].partition(" ms")[0])
    assert shown == pytest.approx(slowest_ms, rel=1e-8)
    assert shown < slowest_ms * (1 + 1e-9)


def limited(**limits: float) -> WithinLimits:
    return WithinLimits(Limits(**limits), SPACE, num_classes=10, precision="fp32", batch=1)  # type: ignore[arg-type]


def test_networks_beyond_a_limit_are_in_no_pool(table: LatencyTable) -> None:
    everything = sample_pools(SPACE, table, [Tier(0, 1000)], 512, seed=5)[Tier(0, 1000)]
    params = network_sizes(SPACE, everything.vectors, 10).params
    limit = int(np.median(params))
    (pool,) = sample_pools(SPACE, table, [Tier(0, 1000)], 512, seed=5, within=limited(params=limit)).values()
    np.testing.assert_array_equal(pool.vectors, everything.vectors[params <= limit])
    np.testing.assert_array_equal(pool.latency_ms, everything.latency_ms[params <= limit])
    assert pool.excluded == pool.summary()["excluded"] == (params > limit).sum() > 0
    assert everything.excluded == 0


def test_limits_that_nothing_reaches_change_nothing(table: LatencyTable) -> None:
    tiers = tiers_between([0, 0.5, 1000])
    free, wide = (sample_pools(SPACE, table, tiers, 256, within=within) for within in (None, limited(macs=10**15)))
    for tier in tiers:
        np.testing.assert_array_equal(free[tier].vectors, wide[tier].vectors)
        assert wide[tier].excluded == 0


def test_a_tier_that_is_empty_because_of_a_limit_says_which_and_what_would_do(table: LatencyTable) -> None:
    everything = sample_pools(SPACE, table, [Tier(0, 1000)], 256)[Tier(0, 1000)]
    slow = Tier(float(everything.latency_ms[-20]), 1000)
    (pool,) = sample_pools(SPACE, table, [slow], 256).values()
    least = int(network_sizes(SPACE, pool.vectors, 10).params.min())
    with pytest.raises(UsageError) as error:
        sample_pools(SPACE, table, [slow], 256, within=limited(params=10, macs=10**15))
    assert str(error.value) == (
        f"tier {slow.name!r}: none of the {len(pool)} sampled networks in it is within the limits: params = 10 "
        f"excludes {len(pool)}; the nearest one needs params = {least}; raise these limits, choose other edges, or "
        "sample more networks"
    )
    assert len(sample_pools(SPACE, table, [slow], 256, within=limited(params=least))[slow]) >= 1


def test_limits_that_no_network_is_within_are_told_without_a_table() -> None:
    require_some_within(limited(), SPACE, 64, 0)
    require_some_within(limited(params=10**9), SPACE, 64, 0)
    with pytest.raises(UsageError, match=r"^none of 64 networks of 'gpunet-small' is within the limits: macs = 5 ex"):
        require_some_within(limited(macs=5), SPACE, 64, 0)


def test_table_of_another_space_is_refused(table: LatencyTable) -> None:
    with pytest.raises(UsageError, match="gpunet-small"):
        sample_pools(get_space("gpunet"), table, [Tier(0, 1)], 64)


def test_a_tier_narrower_than_the_table_can_tell_is_told() -> None:
    # held-out estimates 3 % off: a tier 5 % wide would keep fewer than half, one 20 % wide most
    rough = LatencyTable(HEADER, records(48, noise=0.03))
    error = np.abs(rough.held_out_ms / rough.measured_ms - 1).mean()
    narrow, wide = Tier(1.0, 1 + 1.5 * error), Tier(1.0, 1.2)
    (line,) = narrow_tier_warnings([narrow, wide, Tier(0, 1)], rough)
    assert line.startswith(f"tier {narrow.name} ms is ")
    assert re.search(r"narrower than the latency table can resolve: [0-4] of 10 networks", line)


def test_width_of_a_tier() -> None:
    assert Tier(0.5, 0.6).width == pytest.approx(0.2)
    assert Tier(0, 0.6).width == math.inf
