"""What is left to train, counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.minimal import write_minimal

from tiernas.config import SearchConfig, load_config
from tiernas.config.search_section import ScreenSection
from tiernas.ledger import Purpose
from tiernas.plan.basis import Pace
from tiernas.plan.work import Reached, SearchProgress, TrainingWork, mean_epochs, training_work
from tiernas.plan.workers import Workers
from tiernas.training.data_size import DataSize

DATA = DataSize(train=100, validation=30, test=20, classes=10, image_size=8, chance=0.1)
PARENT = '[parent]\nnetwork = "efficientnet-lite0"\nresolution = [32, 64]\ncompared = [32, 64]\n'


def configured(folder: Path, *overrides: str, more: str = "") -> SearchConfig:
    return load_config(write_minimal(folder, more), ["search.trainings=10", "finalists.per_tier=1", *overrides])


def works(
    config: SearchConfig, workers: int, done: SearchProgress | None = None
) -> dict[tuple[str, str], TrainingWork]:
    found = training_work(config, Workers(workers), done or SearchProgress())
    return {(str(work.purpose), work.tier): work for work in found}


def test_a_whole_search(tmp_path: Path) -> None:
    found = works(configured(tmp_path), 3)
    assert list(found) == [(what, tier) for what in ("search", "repeat", "final") for tier in ("0.2-0.4", "0.4-0.8")]
    counts = {purpose: (work.networks, work.epochs, work.turns) for (purpose, _), work in found.items()}
    assert counts == {"search": (10, 3, 4), "repeat": (4, 3, 2), "final": (1, 9, 1)}


@pytest.mark.parametrize(("override", "turns"), [("search.pending=1", 5), ("search.order=asynchronous", 2)])
def test_workers_that_wait_for_results_do_not_count(tmp_path: Path, override: str, turns: int) -> None:
    assert works(configured(tmp_path, override), 8)["search", "0.2-0.4"].turns == turns


def test_whole_networks_are_trained_at_the_same_time(tmp_path: Path) -> None:
    config = configured(tmp_path, "study.space=parent", more=PARENT)
    found = works(config, 2)
    assert [(work.tier, work.turns) for (purpose, _), work in found.items() if purpose == "parent"] == [
        ("whole at 32 px", 0.5),
        ("whole at 64 px", 0.5),
    ]


def test_rivals_are_trained_like_finalists_and_all_of_them_with_all_seeds(tmp_path: Path) -> None:
    config = configured(tmp_path, "rivals.networks=['resnet8', 'resnet14']", "finalists.seeds=3")
    found = works(config, 2)
    assert [(tier, work.epochs, work.turns) for (purpose, tier), work in found.items() if purpose == "rival"] == [
        ("rival resnet8", 9, 0.5),
        ("rival resnet14", 9, 0.5),
    ]
    seeds = found["seed", "0.4-0.8"]
    assert (seeds.networks, seeds.epochs, seeds.turns) == (8, 9, 4), "two more of two finalists and two rivals"
    begun = SearchProgress(reached={("", Purpose.RIVAL): Reached(1), ("", Purpose.SEED): Reached(5)})
    left = works(config, 2, begun)
    assert [tier for purpose, tier in left if purpose == "rival"] == ["rival resnet14"]
    assert left["seed", "0.4-0.8"].networks == 3


@pytest.mark.parametrize(
    ("override", "left"),
    [("finalists.repeats=0", {"repeat": 0, "final": 1}), ("finalists.per_tier=0", {"repeat": 0, "final": 0})],
)
def test_what_is_not_wanted(tmp_path: Path, override: str, left: dict[str, int]) -> None:
    found = works(configured(tmp_path, override), 2)
    assert {purpose: found[purpose, "0.2-0.4"].networks for purpose in ("repeat", "final")} == left


def test_what_is_done_does_not_count(tmp_path: Path) -> None:
    reached = {
        ("0.2-0.4", Purpose.SEARCH): Reached(7, (0.5, 0.9), 1),
        ("0.2-0.4", Purpose.FINAL): Reached(0, (), 1),
        ("0.4-0.8", Purpose.SEARCH): Reached(12),
        ("0.4-0.8", Purpose.FINAL): Reached(0),
    }
    done = SearchProgress(trainings=12, reached=reached, untried={"0.4-0.8": 0})
    found = works(configured(tmp_path), 2, done)
    searched = found["search", "0.2-0.4"]
    assert searched.networks == 5
    assert searched.turns == pytest.approx(3 - 0.7)
    assert found["repeat", "0.2-0.4"].networks == 0, "they come before finalists"
    assert found["final", "0.2-0.4"].networks == 1
    assert found["search", "0.4-0.8"].networks == 0
    assert found["final", "0.4-0.8"].networks == 0, "no candidate is left that could become one"


def test_a_screen_saves_epochs() -> None:
    assert mean_epochs(ScreenSection(), 9) == 9
    screen = ScreenSection(epochs=[1, 3], keep=0.5, audit=4)
    assert mean_epochs(screen, 9) == pytest.approx(9 / 4 + 3 / 4 * (1 + 0.5 * 2 + 0.25 * 6))


def test_the_time_of_a_training_run() -> None:
    pace = Pace({"0.2-0.4": 0.01}, 0.25, None, 0.0, None)
    work = TrainingWork(Purpose.SEARCH, "0.2-0.4", 4, 3, 2)
    # 10 of the 30 validation images after each of the first two epochs, all after the last
    assert work.seconds(pace, DATA, 0.5) == pytest.approx(2 * 0.01 * (3 * 100 * 0.5 + 0.25 * (10 + 10 + 30)))
    final = TrainingWork(Purpose.FINAL, "0.2-0.4", 4, 3, 2)
    assert final.seconds(pace, DATA, 0.5) == pytest.approx(2 * 0.01 * (150 + 0.25 * (50 + 20)))
    assert TrainingWork(Purpose.SEARCH, "0.4-0.8", 4, 3, 2).seconds(pace, DATA, 1.0) is None
