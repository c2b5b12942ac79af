"""What a search gained, from a ledger that is made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.minimal import write_minimal

from tiernas.config import SearchConfig, load_config
from tiernas.errors import NothingFoundError
from tiernas.gain import read_verdict
from tiernas.gain.random_networks import points_over_random, random_first
from tiernas.ledger import Candidate, Ledger, Purpose, Study
from tiernas.plan import Basis
from tiernas.training.data_size import DataSize

DATA = DataSize(train=5000, validation=1000, test=10_000, classes=10, image_size=32, chance=0.1)


def measured(latency_ms: float, accuracy: float) -> dict[str, Any]:
    latency = {"latency_ms": latency_ms, "low_ms": 0.99 * latency_ms, "high_ms": 1.01 * latency_ms, "unstable": False}
    return {**latency, "fingerprint": {}, "deployment": {"accuracy": accuracy, "latency": latency}}


def trained(
    ledger: Ledger,
    study: Study,
    purpose: Purpose,
    digest: str,
    accuracy: float,
    measurement: dict[str, Any] | None = None,
    **more: Any,
) -> Candidate:
    candidate = ledger.propose(study, [1], digest, 0.3, purpose=purpose, measurement=measurement, **more)
    ledger.start(candidate, "here:1")
    ledger.finish(candidate, accuracy, {"test_accuracy": accuracy + 0.01, "epochs": 9, "duration_s": 60.0})
    return candidate


@pytest.fixture
def config(tmp_path: Path) -> SearchConfig:
    """A search whose first tier is done, and has two rivals at 1 and 4 ms; its test accuracy in torch is 1 % higher."""
    (tmp_path / "run").mkdir()
    config = load_config(write_minimal(tmp_path), ["search.trainings=20", "workers.count=1"])
    Basis(DATA).write(config.study.output)
    with Ledger(config.ledger) as ledger:
        study = ledger.open_study("0.2-0.4", {})
        for number, accuracy in enumerate(np.linspace(0.70, 0.79, 20)):
            trained(ledger, study, Purpose.SEARCH, str(number), float(accuracy))
        for rank, (accuracy, at_test) in enumerate([(0.84, 0.85), (0.83, 0.89)]):
            trained(ledger, study, Purpose.FINAL, f"found {rank}", accuracy, measured(0.5, at_test))
        for name, latency_ms, accuracy in (("slow", 4.0, 0.9), ("fast", 1.0, 0.8)):
            rival = {"rival": {"name": name, "architecture": "{}"}}
            trained(ledger, study, Purpose.RIVAL, name, accuracy, {**measured(latency_ms, accuracy), **rival})
    return config


def test_the_best_finalist_by_validation_is_compared_with_the_front_of_the_rivals(config: SearchConfig) -> None:
    found = read_verdict(config)
    assert [rival.name for rival in found.rivals] == ["fast", "slow"]
    (tier,) = found.tiers
    assert tier.found is not None
    assert tier.found.accuracies == (0.85,), "not the one that is better on test images"
    assert tier.times_as_fast is not None
    assert tier.times_as_fast.value == pytest.approx(4.0), "rivals reach 85 % at 2 ms"
    assert tier.times_as_fast.low < 4.0 < tier.times_as_fast.high
    assert (tier.trained, tier.random) == (20, 10)
    assert [line.partition(":")[0] for line in found.lines] == [
        "mine",
        "speed",
        "accuracy at equal latency",
        "over random networks, short training",
        "cost",
    ]
    assert found.lines[0] == "mine: 1 finalist and 2 rivals, 9 epochs each, 1 seed, 10,000 unseen images"
    assert "0.2-0.4 ms 4 times as fast as the rivals at equal accuracy (3." in found.lines[1]
    assert "0.2-0.4 ms faster than every rival" in found.lines[2]
    assert "best of 20, judged by the first 10" in found.lines[3]
    assert found.lines[4].startswith("cost: 24 training runs, ")
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["tiers"][0]["points"]["value"] is None
    assert document["spent"]["rival"]["trainings"] == 2


def test_other_seeds_are_averaged_and_corrected_for_what_the_engine_loses(config: SearchConfig) -> None:
    before = read_verdict(config).tiers[0].times_as_fast
    with Ledger(config.ledger) as ledger:
        (study,) = ledger.studies()
        for offset, accuracy in ((1, 0.82), (2, 0.88)):
            trained(ledger, study, Purpose.SEED, "found 0", accuracy, seed_offset=offset)
    (tier,) = read_verdict(config).tiers
    assert tier.found is not None
    # torch: 0.85 of the first seed (0.84 + 0.01), where the engine has 0.85; 0.83 and 0.89 of the others
    assert tier.found.accuracies == pytest.approx((0.85, 0.83, 0.89))
    after = tier.times_as_fast
    assert before is not None
    assert after is not None
    assert after.high - after.low > before.high - before.low, "seeds differ by more than images do"
    assert "1 to 3 seeds" in read_verdict(config).lines[0]


def test_without_rivals_it_says_how_to_get_them(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    config = load_config(write_minimal(tmp_path))
    with pytest.raises(NothingFoundError, match="the search has not started"):
        read_verdict(config)
    with Ledger(config.ledger) as ledger:
        study = ledger.open_study("0.2-0.4", {})
        with pytest.raises(NothingFoundError, match="no verdict yet, because no finalist is trained"):
            read_verdict(config)
        trained(ledger, study, Purpose.FINAL, "found", 0.8, measured(0.5, 0.8))
    lines = read_verdict(config).lines
    assert "no rival is trained; name some in [rivals]" in lines[1]
    assert "unseen images" not in lines[0], "nobody knows how many"


def test_a_search_no_better_than_chance_gains_nothing() -> None:
    """Of normal accuracies, the best of 60 that are all random is as good as is predicted from the first 12."""
    rng = np.random.default_rng(1)
    gains = []
    for _ in range(200):
        accuracies = rng.normal(0.7, 0.03, 60)
        gain = points_over_random(float(accuracies.max()), accuracies[:12].tolist(), 60)
        assert gain is not None
        gains.append((gain.value, gain.low < 0 < gain.high))
    mean, covered = np.mean(gains, axis=0)
    assert abs(mean) < 0.3
    assert covered > 0.85


def test_few_or_only_random_networks_say_nothing() -> None:
    assert points_over_random(0.9, [0.8, 0.7, 0.75], 20) is None
    assert points_over_random(0.9, [0.8] * 10, 10) is None


@pytest.mark.parametrize(
    ("overrides", "first"),
    [
        (["search.optimizer=lamcts"], 10),
        (["search.options.n_initial=6"], 6),
        (["search.optimizer=evolution"], 30),
        (["search.optimizer=random"], None),
        (["search.optimizer=sobol"], None),
    ],
)
def test_how_many_proposals_are_random(tmp_path: Path, overrides: list[str], first: int | None) -> None:
    assert random_first(load_config(write_minimal(tmp_path), overrides)) == first
