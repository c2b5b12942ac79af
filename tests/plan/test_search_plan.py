"""The plan of a search, part by part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.minimal import write_minimal

from tiernas.config import SearchConfig, load_config
from tiernas.ledger import Purpose
from tiernas.plan import Basis, Pace, PlanPart, Resources, SearchPlan, plan_search
from tiernas.plan.work import Reached, SearchProgress
from tiernas.plan.workers import Workers
from tiernas.training.data_size import DataSize

DATA = DataSize(train=100, validation=30, test=20, classes=10, image_size=8, chance=0.1)
PACE = Pace({"0.2-0.4": 0.01, "0.4-0.8": 0.02}, 0.25, 400.0, 1e6, 5.0)
BASIS = Basis(DATA, PACE)


def configured(folder: Path, *overrides: str) -> SearchConfig:
    fixed = "search.trainings=10", "finalists.per_tier=1", "latency.networks=50"
    return load_config(write_minimal(folder), [*fixed, *overrides])


def seconds(plan: SearchPlan, what: str) -> list[float | None]:
    return [part.seconds for part in plan.parts if part.what == what]


def test_what_takes_no_time_is_not_told() -> None:
    trained = PlanPart("candidates trained", "0.2-0.4", 3, 4.0, 600.0)
    assert SearchPlan([trained], Workers(2)).words == "about 10 minutes with 2 workers (10 minutes of training)"


def test_every_part_of_a_search(tmp_path: Path) -> None:
    plan = plan_search(configured(tmp_path), BASIS, Workers(2))
    assert seconds(plan, "networks measured for the latency table") == [250.0]
    once = 3 * 100 + 0.25 * 50
    assert seconds(plan, "candidates trained") == pytest.approx([5 * 0.01 * once, 5 * 0.02 * once])
    assert seconds(plan, "best trained with other seeds") == pytest.approx([2 * 0.01 * once, 2 * 0.02 * once])
    assert seconds(plan, "finalists chosen") == [1.5 * 14, 1.5 * 14]
    longer = 9 * 100 + 0.25 * (8 * 10 + 30 + 20)
    assert seconds(plan, "finalists trained") == pytest.approx([0.01 * longer, 0.02 * longer])
    assert seconds(plan, "entries measured as deployed") == [2 * 14]
    assert plan.seconds == pytest.approx(plan.measuring_s + (plan.training_s or 0))
    assert plan.words.startswith("about 7 minutes with 2 workers (5 minutes of measuring, ")
    document = plan.to_dict()
    assert document["minutes"] == pytest.approx(sum(part["minutes"] for part in document["parts"]))


def test_a_table_that_exists_is_not_measured(tmp_path: Path) -> None:
    given = plan_search(configured(tmp_path, "latency.table=table.jsonl"), BASIS, Workers(2))
    assert not seconds(given, "networks measured for the latency table")
    half = plan_search(configured(tmp_path), BASIS, Workers(2), SearchProgress(table_networks=30))
    assert seconds(half, "networks measured for the latency table") == [100.0]


def test_nothing_is_left_of_a_search_that_is_over(tmp_path: Path) -> None:
    reached = {
        (tier, purpose): Reached(n)
        for tier in ("0.2-0.4", "0.4-0.8")
        for purpose, n in {Purpose.SEARCH: 10, Purpose.REPEAT: 4, Purpose.FINAL: 1}.items()
    }
    done = SearchProgress(table_networks=None, reached=reached, untried={"0.2-0.4": 3, "0.4-0.8": 0})
    plan = plan_search(configured(tmp_path), BASIS, Workers(2), done)
    assert (list(plan.parts), plan.seconds) == ([], 0)
    left = plan_search(configured(tmp_path), BASIS, Workers(2), replace(done, undeployed=1))
    assert [part.what for part in left.parts] == ["entries measured as deployed"]


def test_low_precisions_are_compared_too(tmp_path: Path) -> None:
    plan = plan_search(configured(tmp_path, "engine.precision=int8"), BASIS, Workers(2))
    assert seconds(plan, "entries measured as deployed") == [4 * 14]


def test_training_elsewhere_is_unknown(tmp_path: Path) -> None:
    basis = Basis(DATA, Pace({}, 0.0, None, 1e6, 5.0))
    plan = plan_search(configured(tmp_path), basis, Workers(None, gpus=1, here=False))
    assert (plan.seconds, plan.training_s) == (None, None)
    assert "unknown until the first candidates are trained (each worker of the cluster)" in plan.words


def test_disk_and_memory(tmp_path: Path) -> None:
    config = configured(tmp_path)
    plan = plan_search(config, BASIS, Workers(2))
    needed = Resources.of(config, BASIS, plan)
    trained = 2 * (10 + 4 + 1)
    assert needed.disk == pytest.approx(150 * 3 * 64 + 4e6 * (trained + 2 * 8 + 2 * 4))
    assert needed.memory == 3 * 400e6
    assert needed.free > 0
    assert not list(replace(needed, free=10**12, machine=10**12).warnings)
    disk, memory = replace(needed, free=1000, machine=10**9).warnings
    assert disk.startswith("the search writes about 216 MB, and its disk has 0 MB free")
    assert memory.startswith("the workers need about 1.2 GB of memory, and this machine has 1 GB")
