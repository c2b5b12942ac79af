from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.engines.clock.sequence import median_and_sequence, sequence_rank
from tiernas.engines.timing import interval_rank


@pytest.mark.parametrize(
    ("n", "rank"),
    [
        (7, 0),  # 2^7 / 8 = 16: not even the extremes are outside
        (8, 1),  # 2^8 / 9 = 28.4; one below: 2^8 / (9 * 8) = 3.6
        (20, 4),  # three below: 2^20 / (21 * 1140) = 43.8; four: 2^20 / (21 * 4845) = 10.3
    ],
)
def test_rank_by_hand(n: int, rank: int) -> None:
    assert sequence_rank(n) == rank


def test_interval_by_hand() -> None:
    values = np.random.default_rng(0).permutation(np.arange(1.0, 21.0))
    assert median_and_sequence(values) == (10.5, 4.0, 17.0)
    assert median_and_sequence(values[:7])[1:] == (-math.inf, math.inf)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80))
def test_interval_is_symmetric_and_around_the_median(values: list[float]) -> None:
    median, low, high = median_and_sequence(np.array(values))
    assert low <= median <= high
    assert median_and_sequence(-np.array(values)) == (-median, -high, -low)


@given(st.integers(1, 2000))
def test_it_is_wider_than_that_of_a_number_fixed_beforehand(n: int) -> None:
    assert sequence_rank(n) <= interval_rank(n)


@given(st.integers(1, 2000))
def test_it_narrows(n: int) -> None:
    assert 0 <= sequence_rank(n + 1) - sequence_rank(n) <= 1
    assert 2 * sequence_rank(n) <= n


def test_it_holds_at_every_stopping_time_while_the_ordinary_one_does_not() -> None:
    rng = np.random.default_rng(0)
    repeats, most = 1000, 400
    sequence_misses = ordinary_misses = 0
    ranks = [(sequence_rank(n), interval_rank(n)) for n in range(most + 1)]
    for _ in range(repeats):
        below = np.cumsum(rng.random(most) < 0.5).tolist()  # of the median 0
        looks = [(k, n) for n, k in enumerate(below, start=1) if n >= 8]
        # The median is inside [x_(j), x_(n+1-j)] where j to n - j of the values are below it.
        sequence_misses += any(not ranks[n][0] <= k <= n - ranks[n][0] for k, n in looks)
        ordinary_misses += any(not ranks[n][1] <= k <= n - ranks[n][1] for k, n in looks)
    assert sequence_misses <= 0.05 * repeats
    assert ordinary_misses > 0.15 * repeats
