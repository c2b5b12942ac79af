from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tiernas.errors import UsageError
from tiernas.latency import Check, CheckedNetwork
from tiernas.latency.estimating import check as check_module
from tiernas.latency.estimating.check import CheckedLayer
from tiernas.testing.latency import SPACE, records, synthetic_table


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


def test_fresh_networks_of_one_tier() -> None:
    table = synthetic_table()
    fresh = check_module._fresh(table, 5, 3, (1.0, 1.2))
    estimates_ms = table.estimate(fresh)
    assert len(fresh) == 5
    assert ((estimates_ms >= 1.0) & (estimates_ms < 1.2)).all()
    with pytest.raises(UsageError, match=r"tier 900-901 ms: 0 of 65536"):
        check_module._fresh(table, 5, 3, (900.0, 901.0))
