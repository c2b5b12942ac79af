"""The estimated duration of a search."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.minimal import write_minimal
from tests.parents import PARENT_NETWORK

from tiernas.config import SearchConfig, load_config
from tiernas.drafting.duration import Duration, estimated_duration, training_image_s
from tiernas.drafting.reach import Reach
from tiernas.training import RecipeConfig

REACH = Reach(0.1, {32: 0.5, 64: 2.0})


def planned(folder: Path, *overrides: str) -> SearchConfig:
    file = write_minimal(folder, '[parent]\nnetwork = "efficientnet-lite0"\nresolution = [32, 64]\ncompared = [32]\n')
    fixed = "study.space=parent", "workers.count=2", "search.trainings=10", "finalists.per_tier=1"
    return load_config(file, [*fixed, "tiers.edges=[0.2, 0.4, 0.8]", *overrides])


def test_everything_that_is_trained_counts(tmp_path: Path) -> None:
    # 10 candidates and 4 repeats for 3 epochs and a finalist for 9 in each tier, and the whole parent for 9
    epochs_ms = (14 * 3 + 9) * (0.3 + 0.6) + 9 * 0.5
    found = estimated_duration(planned(tmp_path), REACH, 0.01, training_images=100)
    assert found.training_s == pytest.approx(epochs_ms * 100 * 0.01 / 2)
    alone = estimated_duration(planned(tmp_path, "workers.count=1"), REACH, 0.01, training_images=100)
    assert alone.training_s == pytest.approx(2 * found.training_s)


def test_an_existing_table_is_not_measured(tmp_path: Path) -> None:
    built = estimated_duration(planned(tmp_path), REACH, 0.01, training_images=100)
    given = estimated_duration(planned(tmp_path, "latency.table=table.jsonl"), REACH, 0.01, training_images=100)
    assert given.measuring_s == pytest.approx(2 * 3 * 10)
    assert built.measuring_s > given.measuring_s


def test_latency_at_other_resolutions_is_scaled_by_pixels() -> None:
    assert REACH.whole_at_ms(64) == 2.0
    assert REACH.whole_at_ms(128) == 8.0


def test_a_step_is_measured_and_leaves_no_trace() -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    recipe = RecipeConfig.model_validate({"preset": "finetune", "batch_size": 4})
    assert training_image_s(PARENT_NETWORK, 3, recipe) > 0
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("measuring_s", "training_s", "words"),
    [
        (20.0, 25.0, "about a minute (20 s of measuring, 25 s of training)"),
        (1200.0, 7560.0, "about 2.4 hours (20 minutes of measuring, 2.1 hours of training)"),
    ],
)
def test_words(measuring_s: float, training_s: float, words: str) -> None:
    assert Duration(measuring_s, training_s).words == words
