"""Multiply-accumulates of many networks at once are those of each."""

from __future__ import annotations

import numpy as np
import pytest
from tests.parents import parent_space

from tiernas.networks import cost
from tiernas.spaces import SearchSpace, get_space
from tiernas.spaces.macs import macs_of


@pytest.mark.parametrize("space", [get_space("gpunet-small"), get_space("mobile-small"), parent_space()])
def test_they_are_those_of_each_network(space: SearchSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiernas.spaces.macs._AT_ONCE", 4)
    vectors = space.sample(10)
    expected = [cost(space.decode(vector), space.num_classes).macs for vector in vectors]
    np.testing.assert_allclose(macs_of(space, vectors), expected, rtol=1e-9)
