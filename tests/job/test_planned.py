"""The plan of a search, from a real data set and a real table; training steps are made up, except in a slow test."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.job.test_latency_table import write_table
from tests.minimal import write_minimal

from tiernas.config import SearchConfig, load_config
from tiernas.engines import get_engine
from tiernas.errors import TiernasError, UsageError
from tiernas.job.planned import is_long, plan_job, tell_plan
from tiernas.ledger import Ledger
from tiernas.plan import Basis
from tiernas.plan.steps import StepTimes
from tiernas.plan.work import SearchProgress
from tiernas.spaces import Architecture
from tiernas.testing.latency import SPACE, records, synthetic_table
from tiernas.training import load_data
from tiernas.training.data_size import DataSize

DATA = DataSize(train=1257, validation=270, test=270, classes=10, image_size=8, chance=0.1)


@pytest.fixture
def config(tmp_path: Path) -> SearchConfig:
    """A search on digits with a table and one worker."""
    table = write_table(tmp_path / "table.jsonl", records(24))
    low, middle, high = np.quantile(synthetic_table(24).estimate(SPACE.sample(512)), [0.1, 0.3, 0.6])
    fixed = f"latency.table={table}", f"tiers.edges=[{low}, {middle}, {high}]", "workers.count=1"
    return load_config(write_minimal(tmp_path), fixed)


@pytest.fixture
def made_up_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training steps that take as long as they have multiply-accumulates."""

    def times(networks: list[tuple[Architecture, float]], *_: Any, **__: Any) -> list[StepTimes]:
        return [StepTimes(1e-10 * macs, 3e-11 * macs, 400.0) for _, macs in networks]

    monkeypatch.setattr("tiernas.plan.sampled_space.step_times", times)


@pytest.mark.slow
def test_nothing_is_written_for_a_plan(config: SearchConfig) -> None:
    planned = plan_job(config)
    assert planned.data.size(128) == DataSize.of(load_data(config.data))
    assert [part.what for part in planned.plan.parts if part.seconds is None] == []
    trained = {part.where: part for part in planned.plan.parts if part.what == "candidates trained"}
    first, second = (trained[tier.name] for tier in config.tier_list())
    assert (first.networks, first.epochs) == (40, 3)
    assert 0 < (first.seconds or 0) < (second.seconds or 0), "networks of the second tier are larger"
    assert planned.resources.memory is not None
    assert not config.study.output.exists()


@pytest.mark.usefixtures("made_up_steps")
def test_a_search_that_has_begun_is_planned_to_its_end(config: SearchConfig) -> None:
    config.study.output.mkdir()
    with Ledger(config.ledger) as ledger:
        study = ledger.open_study(config.tier_list()[0].name, {})
        ledger.set_trainings(10)
        candidate = ledger.propose(study, SPACE.sample(1)[0], "digest", 0.3)
        ledger.start(candidate, "host:1")
        ledger.finish(candidate, 0.9, {"epochs": 3, "duration_s": 60.0})
    planned = plan_job(config)
    first, second = (part for part in planned.plan.parts if part.what == "candidates trained")
    assert first.networks == 9
    assert first.seconds == pytest.approx(9 * 60)
    assert second.networks == 10
    assert not (config.study.output / "plan.json").exists()


def test_data_that_cannot_be_trained_on_are_refused(config: SearchConfig) -> None:
    with pytest.raises(UsageError, match=r"recipe\.batch_size = 4000: there are only 1298 training images"):
        plan_job(config.model_copy(update={"recipe": config.recipe.model_copy(update={"batch_size": 4000})}))


@pytest.mark.usefixtures("made_up_steps")
def test_a_search_says_at_its_start_how_long_it_takes(
    config: SearchConfig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, logger="tiernas")
    with Ledger(config.study.output.parent / "new.sqlite") as ledger:
        tell_plan(config, ledger, SPACE, get_engine("openvino"), DATA)
        kept = Basis.read(config.study.output)
        assert kept is not None
        assert kept.pace is not None
        assert "to do: about " in caplog.text
        monkeypatch.setattr("tiernas.job.planned.measure_basis", None)
        tell_plan(config, ledger, SPACE, get_engine("openvino"), DATA)
    assert caplog.text.count("to do: about ") == 2, "it is measured once"


def test_a_search_starts_even_if_that_cannot_be_measured(
    config: SearchConfig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Basis:
        raise TiernasError("no memory")

    monkeypatch.setattr("tiernas.job.planned.measure_basis", fails)
    with Ledger(config.study.output.parent / "new.sqlite") as ledger:
        tell_plan(config, ledger, SPACE, get_engine("openvino"), DATA)
    assert "how long the search takes is unknown: no memory" in caplog.text
    assert Basis.read(config.study.output) == Basis(DATA)


def test_short_searches_are_not_measured(config: SearchConfig) -> None:
    few = DataSize(train=20, validation=10, test=10, classes=10, image_size=8, chance=0.1)
    many = DataSize(train=10**6, validation=10, test=10, classes=10, image_size=8, chance=0.1)
    short = config.model_copy(update={"search": config.search.model_copy(update={"trainings": 4})})
    assert not is_long(short, SPACE, few, SearchProgress())
    assert is_long(config, SPACE, many, SearchProgress())
