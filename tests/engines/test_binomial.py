from __future__ import annotations

import pytest
from scipy.stats import binom

from tiernas.engines.binomial import binomial_quantile


def test_by_hand() -> None:
    assert binomial_quantile(0.5, 1, 0.25) == 0  # no success with probability 3/4
    assert binomial_quantile(0.8, 1, 0.25) == 1
    assert binomial_quantile(0.6, 3, 0.5) == 2  # 1/8, 1/2, 7/8, 1
    assert binomial_quantile(1.0 - 1e-12, 2, 0.5) == 2


@pytest.mark.parametrize("p", [0.1, 0.5])
@pytest.mark.parametrize("probability", [0.025, 0.975])
def test_it_is_that_of_scipy(probability: float, p: float) -> None:
    numbers = [*range(1, 1200), *range(1200, 10_000, 100)]
    expected = binom.ppf(probability, numbers, p).astype(int)
    assert [binomial_quantile(probability, n, p) for n in numbers] == expected.tolist()


def test_a_million_trials_are_no_different() -> None:
    assert binomial_quantile(0.025, 1_000_000, 0.5) == pytest.approx(binom.ppf(0.025, 1_000_000, 0.5), abs=1)
