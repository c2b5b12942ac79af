from __future__ import annotations

import numpy as np
import pytest

from tiernas.plan.power_law import PowerLaw


def test_points_of_a_power_law_give_it_back() -> None:
    law = PowerLaw.through([1.0, 10.0, 200.0], [3.0, 3 * 10**0.8, 3 * 200**0.8])
    assert law.exponent == pytest.approx(0.8)
    assert law.at(np.array([50.0])) == pytest.approx(3 * 50**0.8)


def test_one_size_gives_a_proportion() -> None:
    law = PowerLaw.through([4.0, 4.0], [1.0, 4.0])
    assert law.at(np.array([4.0, 8.0])) == pytest.approx([2.0, 4.0])
