"""The plan of a search, from latencies that are made up instead of measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tiernas.adapting import Adaptation, plan_adaptation
from tiernas.adapting.photos import Photos
from tiernas.engines import Measurement
from tiernas.errors import UsageError
from tiernas.pretrained.efficientnet_lite import lite
from tiernas.spaces import Architecture
from tiernas.testing.latency import measurement, true_layer_ms


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Architecture]:
    """The networks that were measured."""
    found: list[Architecture] = []

    def measure(architecture: Architecture, *_: Any) -> Measurement:
        found.append(architecture)
        return measurement(float(true_layer_ms(architecture).sum()))

    monkeypatch.setattr("tiernas.adapting.reach.measure_architecture", measure)
    monkeypatch.setattr("tiernas.adapting.adaptation.training_image_s", lambda *_: 0.01)
    return found


def planned(folder: Path, max_latency_ms: float, *overrides: str) -> Adaptation:
    photos = Photos(folder / "photos", {"cat": 70, "dog": 70}, 100, 100)
    always = ("parent.weights=fresh", "tiers.pool=1024")
    return plan_adaptation(photos, max_latency_ms, folder / "photos.toml", (*always, *overrides))


def test_the_fastest_network_is_measured_first(tmp_path: Path, measured: list[Architecture]) -> None:
    found = planned(tmp_path, 1000.0)
    fastest, *whole = measured
    assert whole == [lite("efficientnet-lite0").resized(resolution) for resolution in (64, 96)]
    assert found.reach.fastest_ms == pytest.approx(true_layer_ms(fastest).sum())
    assert found.reach.fastest_ms < found.reach.whole_ms[64] < found.reach.whole_ms[96]
    assert list(tmp_path.iterdir()) == [], "nothing is written"


@pytest.mark.parametrize(
    ("max_latency_ms", "overrides", "message"),
    [
        (
            0.001,
            [],
            r"^--max-latency-ms 0\.001: the fastest part of efficientnet-lite0 takes .* ms here \(openvino fp32, 1 ",
        ),
        (
            1000.0,
            ["tiers.edges=[0.001, 0.002, 1000]", "engine.threads=2"],
            r"^tiers\.edges: the first tier ends at 0\.002: the fastest part .* \(openvino fp32, 2 threads\)",
        ),
    ],
)
def test_a_budget_below_the_fastest_network_is_refused_after_one_measurement(
    tmp_path: Path, measured: list[Architecture], max_latency_ms: float, overrides: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        planned(tmp_path, max_latency_ms, *overrides)
    assert len(measured) == 1


def test_overrides_decide_what_is_measured(tmp_path: Path, measured: list[Architecture]) -> None:
    found = planned(tmp_path, 1000.0, "parent.resolution=[72, 80]", "parent.channel_percent=[100]")
    assert [architecture.resolution for architecture in measured[1:]] == [72, 80]
    assert found.config.parent is not None
    assert found.config.parent.compared == (72, 80)
    assert found.reach.fastest_ms > 0.1 * found.reach.whole_ms[72], "no channels are cut"
