"""Latency tables of the spaces of tokens, on a synthetic truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tiernas.latency import LatencyTable
from tiernas.spaces import SearchSpace, get_space
from tiernas.testing.latency import HEADER, records, true_layer_ms

SPACES = [get_space(name) for name in ("vit-small", "mlp-small", "vit", "mlp")]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_networks_that_were_not_measured_are_estimated(space: SearchSpace) -> None:
    header = replace(HEADER, space=space.name, num_classes=space.num_classes, space_digest=space.digest)
    table = LatencyTable(header, records(40, noise=0.01, space=space), space)
    fresh = space.sample(40, seed=9)
    expected = [float(true_layer_ms(space.decode(vector)).sum()) for vector in fresh]
    found = table.estimate(fresh)
    assert np.abs(found / expected - 1).mean() < 0.02
    one_by_one = [table.estimate_architecture(space.decode(vector)) for vector in fresh]
    np.testing.assert_allclose(found, one_by_one, rtol=1e-9)
