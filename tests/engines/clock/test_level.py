from __future__ import annotations

import numpy as np
import pytest

from tiernas.engines.clock.level import level_of, upper_rank


def test_order_statistics_by_hand() -> None:
    blocks_ms = np.arange(1.0, 21.0)
    at_s = np.arange(60.0) / 6  # three turns to half a second
    turns_ms = np.repeat(np.random.default_rng(0).permutation(blocks_ms), 3)
    found = level_of(at_s, turns_ms)
    assert found.low_ms == 1.0
    # Of 20 blocks at most 4 lie below the tenth percentile in 95.7 % of all cases, at most 5 in 98.9 %: the sixth.
    assert found.high_ms == 6.0
    assert found.undisturbed_ms == pytest.approx(np.quantile(turns_ms, 0.1))
    assert found.found_ms == 10.5


def test_upper_ends_by_hand() -> None:
    # Of 10 values at most 2 lie below the tenth percentile in 93.0 % of all cases, at most 3 in 98.7 %.
    assert [upper_rank(n) for n in (1, 2, 10, 20)] == [1, 2, 4, 6]


def test_moments_of_a_disturbed_session_are_undisturbed() -> None:
    rng = np.random.default_rng(1)
    quiet = np.repeat(rng.random(100) < 0.3, 10)
    turns_ms = np.where(quiet, 50.0, 84.0) * np.exp(0.005 * rng.standard_normal(1000))
    found = level_of(0.05 * np.arange(1000.0), turns_ms)
    assert found.low_ms <= found.undisturbed_ms <= found.high_ms
    assert found.undisturbed_ms == pytest.approx(50, rel=0.02)
    assert found.found_ms == pytest.approx(84, rel=0.02)
    assert found.high_ms - found.low_ms < 0.05 * 50


def test_a_session_without_a_quiet_moment_has_a_wide_interval() -> None:
    wandering_ms = 80 * np.exp(0.1 * np.random.default_rng(0).standard_normal(20))
    found = level_of(0.05 * np.arange(200.0), np.repeat(wandering_ms, 10))
    assert found.high_ms - found.low_ms > 0.05 * 80


def test_one_turn_is_all_that_is_known() -> None:
    found = level_of(np.array([7.0]), np.array([3.0]))
    assert (found.undisturbed_ms, found.low_ms, found.high_ms, found.found_ms) == (3.0, 3.0, 3.0, 3.0)
