"""Multiply-accumulates of many networks at once are those of the layers of each."""

from __future__ import annotations

import numpy as np
import pytest
from tests.parents import parent_space

from tiernas.blocks import BlockRows, LayerRows
from tiernas.blocks.rows import IntArray
from tiernas.spaces import SearchSpace, get_space
from tiernas.spaces.macs import macs_of, smallest

SPACES = [get_space("gpunet-small"), get_space("mobile-small"), parent_space()]


def one_by_one(space: SearchSpace, vectors: IntArray) -> list[float]:
    return [float(LayerRows.of(space.decode(vector).layers).each(BlockRows.macs).sum()) for vector in vectors]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_they_are_those_of_each_network(space: SearchSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiernas.spaces.group_parts._AT_ONCE", 4)
    vectors = space.sample(10)
    np.testing.assert_array_equal(macs_of(space, vectors), one_by_one(space, vectors))


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_the_smallest_network_has_the_fewest(space: SearchSpace) -> None:
    vectors = space.sample(16)
    assert smallest(space, vectors).tolist() == vectors[int(np.argmin(one_by_one(space, vectors)))].tolist()
