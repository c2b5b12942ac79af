"""A sample of a space and its tiers, from networks whose times are made up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tiernas.engines import get_engine
from tiernas.plan.sampled_space import SampledSpace, measure_space, spread
from tiernas.plan.steps import StepTimes
from tiernas.plan.workers import Workers
from tiernas.spaces import Architecture
from tiernas.testing.latency import SPACE, measurement, synthetic_table, true_layer_ms
from tiernas.tiers import Tier
from tiernas.training import RecipeConfig


def times(networks: list[tuple[Architecture, float]], *_: Any, **__: Any) -> list[StepTimes]:
    return [StepTimes(1e-10 * macs, 2e-11 * macs, 100 + macs / 1e6) for _, macs in networks]


def sampled(monkeypatch: pytest.MonkeyPatch, workers: Workers, **options: Any) -> SampledSpace:
    monkeypatch.setattr("tiernas.plan.sampled_space.step_times", times)
    monkeypatch.setattr("tiernas.plan.sampled_space._SAMPLED", 512)
    options = {"num_classes": 10, "image_size": 32, "workers": workers, **options}
    return measure_space(SPACE, get_engine("openvino"), RecipeConfig(), **options)


def test_with_a_table_only_training_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    table = synthetic_table(32)
    found = sampled(monkeypatch, Workers(2), table=table)
    np.testing.assert_array_equal(found.latency_ms, table.estimate(found.vectors))
    assert found.network_s is None
    assert found.training is not None
    assert found.training.at(found.macs) == pytest.approx(1e-10 * found.macs)
    assert found.evaluation_share == pytest.approx(0.2)
    assert found.memory_mb == pytest.approx(100 + found.macs.max() / 1e6)


def test_tiers_have_the_mean_time_of_their_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    found = sampled(monkeypatch, Workers(2), table=synthetic_table(32))
    low, high = np.quantile(found.latency_ms, [0.3, 0.6])
    tier, beyond = Tier(float(low), float(high)), Tier(1e6, 2e6)
    pace = found.pace([tier, beyond], {"whole at 32 px": 1e7})
    inside = found.macs[tier.contains(found.latency_ms)]
    assert pace.image_s == pytest.approx(
        {
            tier.name: 1e-10 * inside.mean(),
            beyond.name: 1e-10 * found.macs[found.latency_ms.argmax()],
            "whole at 32 px": 1e-3,
        }
    )


def test_without_a_table_some_networks_are_measured_as_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[float] = []

    class Found:
        def __init__(self, latency_ms: float) -> None:
            self.measurement = measurement(latency_ms)

    def profile(architecture: Architecture, *_: Any, **__: Any) -> Found:
        measured.append(float(true_layer_ms(architecture).sum()))
        return Found(measured[-1])

    monkeypatch.setattr("tiernas.plan.sampled_space.profile_architecture", profile)
    monkeypatch.setattr("tiernas.plan.sampled_space.Ladder.anchor", lambda *_: None)
    found = sampled(monkeypatch, Workers(2))
    assert len(measured) == 3
    assert found.network_s is not None
    assert found.latency_ms.min() < np.median(measured) < found.latency_ms.max()
    assert (np.diff(found.latency_ms[np.argsort(found.macs)]) >= 0).all()


def test_gpus_elsewhere_leave_training_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = sampled(monkeypatch, Workers(None, gpus=1, here=False), table=synthetic_table(32))
    assert found.training is None
    assert found.pace([Tier(0.1, 0.2)], {}).image_s == {}


def test_networks_are_spread_from_the_smallest_to_the_largest() -> None:
    assert spread(np.array([100.0, 1.0, 9.0, 3.0, 80.0]), 3).tolist() == [1, 2, 0]
    assert spread(np.array([5.0, 5.0]), 4).tolist() == [0]
