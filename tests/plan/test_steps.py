"""Training steps, measured for real, alone and in several processes."""

from __future__ import annotations

import pytest
from tests.parents import PARENT_NETWORK

from tiernas.errors import TiernasError
from tiernas.plan.probes import step_times
from tiernas.plan.steps import time_steps
from tiernas.training import RecipeConfig

RECIPE = RecipeConfig(batch_size=16, ema_decay=0.9, mixup_alpha=0.2, start_scale=0.5)


def test_a_step_and_an_evaluation_take_time_and_memory() -> None:
    found = time_steps(PARENT_NETWORK, 3, RECIPE, image_size=40, images=8, idle_mb=100.0)
    assert found.training_image_s > 0
    assert found.evaluation_image_s > 0
    assert found.memory_mb > 100


@pytest.mark.slow
def test_all_processes_measure_each_network() -> None:
    networks = [(PARENT_NETWORK, 1e6), (PARENT_NETWORK.resized(64), 4e6)]
    small, large = step_times(networks, 3, RECIPE, 40, processes=2)
    assert small.training_image_s > 0
    assert large.memory_mb >= small.memory_mb > 50


@pytest.mark.slow
def test_a_step_that_fails_is_told() -> None:
    recipe = RecipeConfig(batch_size=16, crop_scale=(0.5, 1.0), crop_padding=0, auto_augment="no-such-policy")
    with pytest.raises(TiernasError, match=r"a training step could not be measured: .+"):
        step_times([(PARENT_NETWORK, 1e6)], 3, recipe, 40, processes=1)
