from __future__ import annotations

from itertools import pairwise

from tiernas.latency.measuring.ladder import standard_rungs


def test_a_network_of_any_size_has_an_anchor_near_it() -> None:
    rungs = standard_rungs()
    assert all(1 < larger.macs / smaller.macs < 2.7 for smaller, larger in pairwise(rungs))
    assert rungs[0].macs < 1e7
    assert rungs[-1].macs > 4e10
    assert all(rung.architecture.shrunk_layer is None for rung in rungs)
