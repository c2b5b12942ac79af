from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.engines.clock.ratio import Pairs, estimate_ratio

ANCHOR_MS, TRUE = 10.0, 1.74


def pairs_beside(
    slowdowns: list[tuple[float, float]], per_state: int, *, noise: float = 0.01, seed: int = 0, turn_s: float = 0.05
) -> Pairs:
    """Turns of an anchor and a network while the machine slows the two down by these factors, state after state."""
    rng = np.random.default_rng(seed)
    anchor, network = np.repeat(np.array(slowdowns), per_state, axis=0).T
    n = len(anchor)
    anchor_ms = ANCHOR_MS * np.append(anchor, anchor[-1]) * np.exp(noise * rng.standard_normal(n + 1))
    network_ms = TRUE * ANCHOR_MS * network * np.exp(noise * rng.standard_normal(n))
    return Pairs(turn_s * np.arange(n, dtype=np.float64), network_ms, anchor_ms[:-1], anchor_ms[1:])


def test_log_ratio_by_hand() -> None:
    pairs = Pairs(np.array([0.0]), np.array([12.0]), np.array([2.0]), np.array([8.0]))
    assert np.exp(pairs.log_ratios).tolist() == pytest.approx([3.0])  # 12 over the geometric mean of 2 and 8


def test_quiet_pairs_tell_the_ratio() -> None:
    found = estimate_ratio(pairs_beside([(1, 1), (1.6, 2.0)] * 4, 50), ANCHOR_MS)
    assert found.ratio == pytest.approx(TRUE, rel=0.01)
    assert found.low <= TRUE <= found.high
    assert found.width < 0.03
    assert found.pairs == 400
    assert 190 <= found.quiet_pairs <= 200
    assert found.found > 1.02 * TRUE


def test_without_a_quiet_pair_the_interval_says_what_is_known() -> None:
    found = estimate_ratio(pairs_beside([(1.6, 2.0), (1.5, 1.7)], 100), ANCHOR_MS)
    assert found.quiet_pairs == 0
    assert found.ratio > 1.1 * TRUE
    assert found.low <= TRUE <= found.high
    assert found.width > 0.1


def test_a_few_quiet_pairs_are_the_centre() -> None:
    found = estimate_ratio(pairs_beside([(1.6, 2.0)] * 30 + [(1, 1)], 7), ANCHOR_MS)
    assert 4 <= found.quiet_pairs < 8  # of 217
    assert found.ratio == pytest.approx(TRUE, rel=0.02)
    assert found.low <= TRUE <= found.high
    assert found.found > 1.2 * TRUE


def test_disturbances_that_last_are_seen() -> None:
    """The same turns in another order: the ratio wanders slowly, or from pair to pair."""
    slow = pairs_beside([(1, 1.02), (1, 0.98)] * 3, 80, noise=0.001)
    fast = pairs_beside([(1, 1.02), (1, 0.98)] * 240, 1, noise=0.001)
    found = estimate_ratio(slow, ANCHOR_MS)
    assert found.low <= TRUE <= found.high
    assert found.width > 3 * estimate_ratio(fast, ANCHOR_MS).width


def test_no_ratio_is_known_better_than_two_loads_agree() -> None:
    found = estimate_ratio(pairs_beside([(1, 1)], 4000, noise=0.001), ANCHOR_MS)
    assert 0.006 <= found.width < 0.007


def test_the_more_a_pair_is_disturbed_the_less_it_weighs() -> None:
    ratios = [
        estimate_ratio(pairs_beside([(1, 1), (slow, 1.2 * slow)] * 10, 20), ANCHOR_MS).ratio / TRUE
        for slow in (1.05, 1.2, 1.5, 2.0)
    ]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] == pytest.approx(1, abs=0.005)


def test_loud_moments_widen_the_interval() -> None:
    widths = [estimate_ratio(pairs_beside([(slow, slow)], 200), ANCHOR_MS).width for slow in (1.0, 1.2, 1.5, 2.0)]
    assert widths == sorted(widths)
    assert widths[-1] > 10 * widths[0]


def test_eight_blocks_are_needed() -> None:
    pairs = pairs_beside([(1, 1)], 32)  # four to a block
    assert estimate_ratio(pairs, ANCHOR_MS).width < 0.1
    fewer = Pairs(*(values[:28] for values in dataclasses.astuple(pairs)))
    assert estimate_ratio(fewer, ANCHOR_MS).width == np.inf


def test_a_pause_makes_no_block_count_more() -> None:
    """One block has a hundred pairs, seven others have one each."""
    pairs = pairs_beside([(1, 1)], 107)
    at_s = np.concatenate([np.linspace(0, 0.19, 100), np.arange(1.0, 8.0)])
    assert np.isfinite(estimate_ratio(dataclasses.replace(pairs, at_s=at_s), ANCHOR_MS).width)


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.integers(0, 100))
def test_units_do_not_count(anchor: float, network: float, seed: int) -> None:
    pairs = pairs_beside([(1, 1), (1.5, 1.8)], 50, seed=seed)
    scaled = Pairs(pairs.at_s, network * pairs.network_ms, anchor * pairs.before_ms, anchor * pairs.after_ms)
    one, other = estimate_ratio(pairs, ANCHOR_MS), estimate_ratio(scaled, anchor * ANCHOR_MS)
    factor = network / anchor
    assert (other.ratio, other.low, other.high) == pytest.approx(
        (factor * one.ratio, factor * one.low, factor * one.high)
    )
    assert other.low <= other.ratio <= other.high
