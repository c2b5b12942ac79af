"""What a ledger says of the rest of a search, and of how fast it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.minimal import write_minimal

from tiernas.config import SearchConfig, load_config
from tiernas.ledger import Ledger, Purpose
from tiernas.plan import Basis, Pace
from tiernas.plan.progress import observed_basis, search_progress
from tiernas.plan.work import Reached
from tiernas.spaces import get_space
from tiernas.training.data_size import DataSize

SPACE = get_space("gpunet-small")
DATA = DataSize(train=100, validation=20, test=20, classes=10, image_size=8, chance=0.1)
RESULT = {"epochs": 3, "duration_s": 31.0}
IMAGES = 3 * 100 + 0.25 * (2 * 10 + 20)
"""Of one training run, with evaluated ones."""


@pytest.fixture
def config(tmp_path: Path) -> SearchConfig:
    """A search of 6 trainings per tier."""
    return load_config(write_minimal(tmp_path, "[search]\ntrainings = 6\n"))


@pytest.fixture
def ledger(config: SearchConfig) -> Iterator[Ledger]:
    """Two training runs of its first tier are done, one failed, one is running and one waits."""
    config.study.output.mkdir()
    with Ledger(config.ledger) as ledger:
        study = ledger.open_study("0.2-0.4", {})
        candidates = [ledger.propose(study, x, SPACE.decode(x).digest, 0.3) for x in SPACE.sample(5, seed=0)]
        for candidate in candidates[:4]:
            ledger.start(candidate, f"node-3:{1000 + candidate.index}")
        ledger.finish(candidates[0], 0.81, RESULT)
        ledger.finish(candidates[1], 0.84, RESULT)
        ledger.fail(candidates[2], "diverged in epoch 2", retry=False)
        ledger.progress(candidates[3], 2, 0.7512)
        yield ledger


def test_what_is_done(config: SearchConfig, ledger: Ledger) -> None:
    found = search_progress(config, ledger)
    begun = found.of("0.2-0.4", Purpose.SEARCH)
    assert (begun.ended, begun.waiting) == (3, 1)
    assert begun.running == pytest.approx((2 / 3,))
    assert found.of("0.4-0.8", Purpose.SEARCH) == Reached()
    assert (found.table_networks, found.trainings, found.untried) == (0, None, {})
    config.latency_table_path.write_text("header\nnetwork\nnetwork\n")
    assert search_progress(config, ledger).table_networks == 2
    ledger.open_study("0.4-0.8", {})
    ledger.set_trainings(7)
    found = search_progress(config, ledger)
    assert (found.table_networks, found.trainings) == (None, 7)


def test_candidates_that_may_become_finalists(config: SearchConfig, ledger: Ledger) -> None:
    study = ledger.studies()[0]
    ledger.set_trainings(3)
    assert search_progress(config, ledger).untried == {"0.2-0.4": 2}
    second = ledger.candidates(study)[1]
    measured = {"latency_ms": 0.3, "low_ms": 0.3, "high_ms": 0.3, "unstable": False, "fingerprint": {}}
    ledger.record_measurement(second, measured)
    assert search_progress(config, ledger).untried == {"0.2-0.4": 1}, "the second may be outside of its tier"
    finalist = ledger.propose_again(study, second, Purpose.FINAL, measurement=measured)
    assert search_progress(config, ledger).untried == {"0.2-0.4": 1}
    ledger.start(finalist, "node-3:1")
    ledger.finish(finalist, 0.9, {})
    found = search_progress(config, ledger)
    assert (found.of("0.2-0.4", Purpose.FINAL), found.undeployed) == (Reached(1), 1)
    ledger.record_measurement(finalist, {**measured, "deployment": {}})
    assert search_progress(config, ledger).undeployed == 0


def test_training_runs_correct_what_was_expected(config: SearchConfig, ledger: Ledger) -> None:
    image_s = {"0.2-0.4": 0.05, "0.4-0.8": 0.10, "whole at 32 px": 0.2}
    pace = observed_basis(config, ledger, Basis(DATA, Pace(image_s, 0.25, None, 1e6, 5.0))).pace
    assert pace is not None
    slower = 31 / IMAGES / 0.05
    assert pace.image_s == pytest.approx({name: slower * each for name, each in image_s.items()})


def test_without_an_expectation_times_grow_with_latency(config: SearchConfig, ledger: Ledger) -> None:
    pace = observed_basis(config, ledger, Basis(DATA)).pace
    assert pace is not None
    observed = 31 / (300 + 40 / 3)
    assert pace.image_s == pytest.approx({"0.2-0.4": observed, "0.4-0.8": 2 * observed})


def test_nothing_was_observed_yet(config: SearchConfig, tmp_path: Path) -> None:
    basis = Basis(DATA)
    with Ledger(tmp_path / "new.sqlite") as ledger:
        ledger.open_study("0.2-0.4", {})
        assert observed_basis(config, ledger, basis) is basis
