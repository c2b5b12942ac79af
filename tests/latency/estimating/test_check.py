from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.latency import Check, CheckedNetwork, Observation, check_table
from tiernas.latency.estimating import check as check_module
from tiernas.latency.estimating.check import CheckedLayer
from tiernas.spaces import Architecture
from tiernas.testing.latency import SPACE, in_turn, records, synthetic_table, wholes


def test_figures_of_a_check_by_hand() -> None:
    whole = records(1)[0].observation.measurement
    pairs = [(1.0, 1.0), (2.08, 2.0), (2.88, 3.0), (5.0, 4.0)]  # errors 0, +4, -4 and +25 %
    check = Check(tuple(CheckedNetwork((), e, replace(whole, latency_ms=m)) for e, m in pairs))
    assert check.mape == pytest.approx(33 / 4)
    assert (check.within(0.05), check.within(0.10), check.kendall_tau) == (0.75, 0.75, 1.0)
    assert {"mape", "within_5pct", "within_10pct", "kendall_tau", "n"} <= check.to_dict().keys()


def test_tiers_of_a_check_by_hand() -> None:
    whole = records(1)[0].observation.measurement
    measured = [1.0, 1.02, 1.05, 1.1, 1.15, 1.3, 5.0]
    estimated = [1.0, 1.02, 1.1, 1.05, 1.15, 1.2, 5.0]  # one pair of the first tier in the wrong order
    check = Check(
        tuple(CheckedNetwork((), e, replace(whole, latency_ms=m)) for e, m in zip(estimated, measured, strict=True))
    )
    (tier,) = check.tiers()
    assert (tier.networks, tier.low_ms) == (5, 1.0)
    assert tier.high_ms == pytest.approx(1.2)
    assert tier.kendall_tau == pytest.approx(8 / 10)  # 9 of 10 pairs right
    assert check.near_tau() == pytest.approx((11 - 1) / 12)  # 1.1 and 1.15 are within 20 % of 1.3 too
    assert math.isnan(Check(check.networks[-1:]).near_tau())


def test_worst_layers_by_hand() -> None:
    whole = replace(records(1)[0].observation.measurement, latency_ms=10.0)
    good, bad = SPACE.decode(SPACE.sample(1)[0]).layers[:2]
    layers = (CheckedLayer(good, 5.0, 5.1), CheckedLayer(bad, 3.0, 2.0), CheckedLayer(bad, 3.0, 2.5))
    worst, best = Check((CheckedNetwork((), 11.0, whole, layers),)).worst_layers()
    assert (worst.name, worst.networks, worst.estimated_ms, worst.profiled_ms) == (bad.label, 1, 3.0, 2.25)
    assert worst.effect == pytest.approx(0.15)
    assert best.effect == pytest.approx(-0.01)


def test_networks_without_a_profile_are_compared_as_wholes() -> None:
    table, (record,) = synthetic_table(), wholes(records(1))
    found = check_module._compared(table, record)
    assert found.estimated_ms == pytest.approx(table.estimate([record.vector])[0])
    assert Check((found,) * 3).to_dict()["worst_layers"] == []


def test_fresh_networks_of_one_tier() -> None:
    table = synthetic_table()
    fresh = check_module._fresh(table, 5, 3, (1.0, 1.2))
    estimates_ms = table.estimate(fresh)
    assert len(fresh) == 5
    assert ((estimates_ms >= 1.0) & (estimates_ms < 1.2)).all()
    with pytest.raises(UsageError, match=r"tier 900-901 ms: 0 of 65536"):
        check_module._fresh(table, 5, 3, (900.0, 901.0))


def test_networks_with_wide_intervals_are_measured_once_more_and_the_narrower_one_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The third and the fifth network have a wide interval at first, and the fifth a wider one afterwards."""
    half_widths = {2: (0.06, 0.01), 4: (0.05, 0.08)}
    asked: list[Architecture] = []

    def profile_fake(architecture: Architecture, *_: object) -> Observation:
        asked.append(architecture)
        number, again = asked.index(architecture), asked.count(architecture) - 1
        found = in_turn(1 + number + 0.5 * again, 1.0, half_width=half_widths.get(number, (0.01,))[again])
        return Observation("0" * 16, found, (1.0,) * len(architecture.layers))

    monkeypatch.setattr(check_module, "profile_architecture", profile_fake)
    said: list[tuple[str, float]] = []
    check = check_table(
        synthetic_table(),
        get_engine("openvino"),
        networks=8,
        progress=lambda look, network: said.append((look.place, network.measurement.latency_ms)),
    )
    assert said[:8] == [(f"{number}/8", number) for number in range(1, 9)]
    assert said[8:] == [("once more, 1 of 2", 3.5), ("once more, 2 of 2", 5.5)]
    assert asked[8:] == [asked[2], asked[4]]
    assert check.measured_ms.tolist() == [1, 2, 3.5, 4, 5, 6, 7, 8]
    assert [SPACE.decode(network.vector) for network in check.networks] == asked[:8]
    assert [sum(layer.profiled_ms for layer in n.layers) for n in check.networks] == pytest.approx(check.measured_ms)
    figures = check.to_dict()
    assert (figures["n"], len(figures["networks"]), figures["unstable"]) == (8, 8, 1)
