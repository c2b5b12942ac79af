from __future__ import annotations

import numpy as np
import pytest

from tiernas.blocks import ConvBlock, FusedIrbBlock, IrbBlock, SeparableBlock
from tiernas.latency.estimating.coverage import networks_of_missing_blocks
from tiernas.latency.measuring.ladder import rungs_of
from tiernas.spaces import get_space, space_names

SPACE = get_space("mobile-small")
ONE_BLOCK = [
    tuple(block if dimension.name.endswith(".block") else dimension.values[0] for dimension in SPACE.dimensions)
    for block in range(4)
]


def test_every_block_that_is_not_known_comes_with_the_first_network_that_has_it() -> None:
    separable = ONE_BLOCK[0]
    found = networks_of_missing_blocks(SPACE, [separable], seed=0)
    assert 1 <= len(found) <= 3
    blocks = {type(layer) for vector in found for layer in SPACE.decode(vector).layers}
    assert blocks >= {IrbBlock, FusedIrbBlock, ConvBlock}
    sample = [tuple(row) for row in SPACE.sample(64, 0).tolist()]
    places = [sample.index(vector) for vector in found]
    assert places == sorted(places)
    before = {type(layer) for vector in sample[: places[-1]] for layer in SPACE.decode(vector).layers}
    assert not before >= {SeparableBlock, IrbBlock, FusedIrbBlock, ConvBlock}


def test_nothing_is_added_where_all_blocks_are_known() -> None:
    vectors = [tuple(row) for row in SPACE.canonical(np.array(ONE_BLOCK)).tolist()]
    assert networks_of_missing_blocks(SPACE, [*vectors, *map(tuple, SPACE.sample(32, 1).tolist())], seed=0) == []


@pytest.mark.parametrize("name", [name for name in space_names() if name.startswith("gpunet")])
def test_the_rungs_of_gpunet_have_every_block(name: str) -> None:
    space = get_space(name)
    assert networks_of_missing_blocks(space, [rung.vector for rung in rungs_of(space)], seed=0) == []
