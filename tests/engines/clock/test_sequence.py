from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.engines.clock.sequence import half_width


def test_half_width_by_hand() -> None:
    assert half_width(8) == pytest.approx(math.sqrt(10 * math.log(5 * 400)) / 8)  # 10 / 2 over 0.05 squared


@given(st.floats(1, 1e4), st.floats(1.001, 10))
def test_it_narrows(n: float, times: float) -> None:
    assert half_width(times * n) < half_width(n)


@given(st.floats(1, 1e4))
def test_it_is_wider_than_that_of_a_number_fixed_beforehand(n: float) -> None:
    assert half_width(n) > 1.96 / math.sqrt(n)


def test_it_holds_at_every_stopping_time_while_the_ordinary_one_does_not() -> None:
    rng = np.random.default_rng(0)
    repeats, most = 2000, 400
    n = np.arange(1, most + 1)
    means = np.abs(rng.standard_normal((repeats, most)).cumsum(axis=1) / n)
    widths = np.array([half_width(float(count)) for count in n])
    assert (means > widths).any(axis=1).mean() <= 0.05
    assert (means > 1.96 / np.sqrt(n))[:, 7:].any(axis=1).mean() > 0.15
