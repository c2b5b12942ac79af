from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import trim_mean

from tiernas.engines.trimmed import trimmed_mean


def test_by_hand() -> None:
    assert trimmed_mean([9.0, 1.0, 2.0, 3.0], 0.25) == 2.5
    assert trimmed_mean([9.0, 1.0, 2.0], 0.25) == 4.0  # a quarter of three is no whole value
    assert trimmed_mean([7.0], 0.25) == 7.0


@pytest.mark.parametrize("n", [1, 2, 5, 8, 101])
def test_it_is_that_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).lognormal(size=n)
    assert trimmed_mean(values, 0.25) == pytest.approx(trim_mean(values, 0.25), rel=1e-12)
