"""A real network, measured as shortly as it can be; no time is asserted."""

from __future__ import annotations

from tiernas.engines import TurnRule, get_engine
from tiernas.latency import profile_architecture
from tiernas.latency.measuring.ladder import Ladder, rungs_of
from tiernas.testing.latency import SPACE

QUICK = TurnRule(relative_width=10.0, min_s=0.0, limit_s=0.05)


def test_profile_is_split_into_all_layers() -> None:
    architecture = SPACE.decode(SPACE.sample(1, seed=3)[0])
    with Ladder(rungs_of(SPACE), get_engine("openvino")) as ladder:
        found = profile_architecture(architecture, 10, ladder, QUICK, rung=0)
    assert len(found.layer_ms) == len(architecture.layers)
    assert all(ms > 0 for ms in found.layer_ms)
    assert len(found.graph) == 16


def test_without_a_profile_there_are_no_times_of_layers() -> None:
    with Ladder(rungs_of(SPACE), get_engine("ncnn")) as ladder:
        found = profile_architecture(SPACE.decode(SPACE.sample(1, seed=3)[0]), 10, ladder, QUICK, rung=0)
    assert found.layer_ms == ()
    assert found.measurement.latency_ms > 0
