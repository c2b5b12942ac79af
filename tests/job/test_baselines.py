"""Whole parents for comparison: their tier, and the limits that they may be beyond."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import pytest
from tests.minimal import write_minimal
from tests.parents import PARENT_NETWORK, parent_space

from tiernas.config import load_config
from tiernas.engines import get_engine
from tiernas.job.baselines import baselines_of, nearest_tier, propose_baselines
from tiernas.job.seeds import propose_seeds
from tiernas.ledger import Ledger, Purpose
from tiernas.limits import Limits, WithinLimits
from tiernas.rivals import open_rivals
from tiernas.spaces import get_space
from tiernas.spaces.sizes import architecture_sizes
from tiernas.study import architecture_of
from tiernas.testing.latency import measurement
from tiernas.tier_clock import TierClock
from tiernas.tiers import Tier

LOW, HIGH = Tier(0.2, 0.4), Tier(0.4, 0.8)


@pytest.mark.parametrize(
    ("latency_ms", "tier"), [(0.01, LOW), (0.2, LOW), (0.3999, LOW), (0.4, HIGH), (0.7, HIGH), (0.8, HIGH), (9.0, HIGH)]
)
def test_it_is_the_one_that_contains_the_latency_or_the_nearest(latency_ms: float, tier: Tier) -> None:
    assert nearest_tier((LOW, HIGH), latency_ms) == tier


def test_a_tier_may_start_at_zero() -> None:
    assert nearest_tier((Tier(0, 0.2), HIGH), 0.9) == HIGH


class MadeUpClock:
    """Every network takes 0.3 ms."""

    measured = 0

    def __init__(self) -> None:
        self.engine = get_engine("openvino")

    def estimate_ms(self, vector: object) -> float:
        return 0.3

    def measure_architecture(self, *_: Any) -> Any:
        self.measured += 1
        return measurement(0.3)


def test_a_parent_beyond_a_limit_is_neither_measured_nor_trained(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parent = '[parent]\nnetwork = "efficientnet-lite0"\nresolution = [24, 32, 40]\ncompared = [24, 32, 40]\n'
    config, space = load_config(write_minimal(tmp_path, parent), ["study.space=parent"]), parent_space()
    sizes = architecture_sizes(PARENT_NETWORK.resized(32), 4)
    assert sizes is not None
    held_mb = 4 * float(sizes.held[0]) / 1e6
    within = WithinLimits(Limits(activations_mb=held_mb), space, num_classes=4, precision="fp32", batch=1)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        study = ledger.open_study(LOW.name, {})
        baselines = baselines_of(config, space, ())
        propose_baselines(baselines, ledger, {LOW: study}, 4, cast(TierClock, MadeUpClock()), within)
        proposed = ledger.candidates(study, Purpose.PARENT)
    assert [candidate.vector[0] for candidate in proposed] == [24, 32]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("parent.compared = 40: the whole parent at 40 px is not compared")
    assert "it needs activations_mb = " in warning


def test_rivals_are_measured_and_proposed_once_and_keep_their_networks(tmp_path: Path) -> None:
    config, space = load_config(write_minimal(tmp_path)), get_space("gpunet-small")
    rivals, clock = open_rivals(["resnet8@16", "resnet14@16"], 8), MadeUpClock()
    within = WithinLimits(Limits(), space, num_classes=4, precision="fp32", batch=1)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        studies = {tier: ledger.open_study(tier.name, {}) for tier in (LOW, HIGH)}
        for known in (rivals[:1], rivals):
            baselines = baselines_of(config, space, known)
            propose_baselines(baselines, ledger, studies, 4, cast(TierClock, clock), within)
        proposed = ledger.candidates(studies[LOW], Purpose.RIVAL)
        assert not ledger.candidates(studies[HIGH], Purpose.RIVAL)
        for rival in proposed:
            ledger.start(rival, "here:1")
        ledger.finish(proposed[0], 0.5, {"test_accuracy": 0.4})
        ledger.fail(proposed[1], "diverged", retry=False)
        for _ in range(2):
            propose_seeds(ledger, studies[LOW], 3)
        again = ledger.candidates(studies[LOW], Purpose.SEED)
    assert clock.measured == 2
    assert [(each.rival or {})["name"] for each in proposed] == ["resnet8@16", "resnet14@16"]
    assert [architecture_of(each, space) for each in proposed] == [rival.architecture for rival in rivals]
    assert [(each.digest, each.seed_offset) for each in again] == [(proposed[0].digest, 1), (proposed[0].digest, 2)]
    assert architecture_of(again[0], space) == rivals[0].architecture


def test_rivals_beyond_a_limit_are_not_compared(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config, space = load_config(write_minimal(tmp_path)), get_space("gpunet-small")
    within = WithinLimits(Limits(params=100_000), space, num_classes=4, precision="fp32", batch=1)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        study = ledger.open_study(LOW.name, {})
        baselines = baselines_of(config, space, open_rivals(["resnet8@16", "resnet20@16"], 8))
        propose_baselines(baselines, ledger, {LOW: study}, 4, cast(TierClock, MadeUpClock()), within)
        (proposed,) = ledger.candidates(study, Purpose.RIVAL)
    assert (proposed.rival or {})["name"] == "resnet8@16"
    assert "rival resnet20@16 is not compared, because it is beyond the limits: it needs params = " in caplog.text
