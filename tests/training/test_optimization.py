from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from torch import nn

from tiernas.training import RecipeConfig
from tiernas.training.optimization import learning_rate_at, make_average, make_optimizer, set_learning_rate


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero() -> None:
    for schedule in ("cosine", "linear"):
        recipe = RecipeConfig(learning_rate=2.0, warmup_fraction=0.25, schedule=schedule)
        rates = [learning_rate_at(step, 1000, recipe) for step in range(1000)]
        assert rates[0] == pytest.approx(2 * 0.0005 / 0.25)
        assert max(rates) == pytest.approx(2, rel=0.01)
        assert rates.index(max(rates)) in range(245, 255)
        assert rates[625] == pytest.approx(1, rel=0.01)  # half of the way down both shapes have half of the peak
        assert rates[-1] < 0.01


def test_without_warm_up_the_peak_comes_first() -> None:
    recipe = RecipeConfig(learning_rate=1.0, warmup_fraction=0)
    assert learning_rate_at(0, 1000, recipe) == pytest.approx(1, abs=1e-3)


def test_steps_are_those_of_timm() -> None:
    timm = pytest.importorskip("timm.scheduler", reason="timm is not installed")
    recipe = RecipeConfig(epochs=12, schedule="step", warmup_fraction=0, learning_rate=0.5)
    optimizer = make_optimizer(nn.Linear(1, 1), recipe)
    scheduler = timm.StepLRScheduler(optimizer, decay_t=2.4, decay_rate=0.97)
    for epoch in range(12):
        scheduler.step(epoch)
        for step in (5 * epoch, 5 * epoch + 4):
            assert learning_rate_at(step, 60, recipe) == pytest.approx(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "rmsproptf", "adamw"])
def test_biases_and_normalisation_are_not_decayed(optimizer: Any) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    decayed, kept = make_optimizer(network, RecipeConfig(optimizer=optimizer, weight_decay=0.1)).param_groups
    assert [tuple(p.shape) for p in decayed["params"]] == [(4, 3, 3, 3), (2, 4)]
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0)
    assert len(kept["params"]) == 4


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "rmsproptf", "adamw"])
def test_the_body_may_have_a_smaller_learning_rate_than_the_classifier(optimizer: Any) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    recipe = RecipeConfig(optimizer=optimizer, weight_decay=0.1, body_learning_rate_scale=0.25)
    made = make_optimizer(network, recipe)
    set_learning_rate(made, 0.5)
    found = [([tuple(p.shape) for p in g["params"]], g["lr"], g["weight_decay"]) for g in made.param_groups]
    assert found == [
        ([(4, 3, 3, 3), (4, 4)], 0.125, 0.1),
        ([(4,), (4,), (4,), (4,)], 0.125, 0),
        ([(2, 4)], 0.5, 0.1),
        ([(2,)], 0.5, 0),
    ]


def test_one_learning_rate_makes_no_more_groups_than_it_did_before() -> None:
    made = make_optimizer(nn.Linear(4, 2), RecipeConfig())
    set_learning_rate(made, 0.3)
    assert [group["lr"] for group in made.param_groups] == [0.3, 0.3]
    assert "body_learning_rate_scale" not in RecipeConfig().model_dump()


def test_fine_tuning_takes_smaller_steps_and_their_average() -> None:
    recipe = RecipeConfig.model_validate({"preset": "finetune", "epochs": 7})
    assert recipe.epochs == 7
    assert recipe.learning_rate < RecipeConfig().learning_rate
    assert recipe.ema_decay > 0


def test_the_average_follows_at_first_and_holds_on_later() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = make_average(network, 0.9)
    assert average is not None
    expected = None
    for step, value in enumerate([1.0, 2.0, 4.0]):
        nn.init.constant_(network.weight, value)
        average.update_parameters(network)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = value if expected is None else decay * expected + (1 - decay) * value
        assert next(average.parameters()).item() == pytest.approx(expected)


def test_the_average_has_averaged_statistics_of_batch_normalisation() -> None:
    network = nn.BatchNorm1d(1)
    average = make_average(network, 0.9)
    assert average is not None
    running, averaged = (dict(module.named_buffers()) for module in (network, average.module))
    for step, mean in enumerate((1.0, 3.0), 1):
        running["running_mean"].fill_(mean)
        running["num_batches_tracked"].fill_(step)
        average.update_parameters(network)
    assert averaged["running_mean"].item() == pytest.approx(2 / 11 * 1.0 + 9 / 11 * 3.0)
    assert averaged["num_batches_tracked"].item() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 1},
        {"optimizer": "lion"},
        {"learning_rate": 0},
        {"body_learning_rate_scale": 0},
        {"body_learning_rate_scale": 2},
        {"learning_rate": float("nan")},
        {"dropout": 1.0},
        {"crop_padding": 0.9},
        {"epoch": 5},
        {"auto_augment": "rand-m9-mstd0.5"},
        {"crop_scale": (0.1, 1.0)},
        {"crop_scale": (1.0, 0.1), "crop_padding": 0},
        {"preset": "slow"},
        {"preset": ["paper"]},
        {"precision": "int8"},
        {"mixup_alpha": -0.1},
    ],
)
def test_recipes_are_validated(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RecipeConfig(**wrong)


def test_the_preset_paper_has_the_values_of_the_paper() -> None:
    recipe = RecipeConfig.model_validate({"preset": "paper", "epochs": 100})
    assert (recipe.epochs, recipe.optimizer, recipe.schedule) == (100, "rmsproptf", "step")
    assert (recipe.decay_rate, recipe.decay_epochs, recipe.ema_decay) == (0.97, 2.4, 0.9999)
    assert (recipe.crop_scale, recipe.auto_augment, recipe.erase_probability) == ((0.08, 1.0), "rand-m9-mstd0.5", 0.2)
    assert (recipe.dropout, recipe.drop_path_rate, recipe.label_smoothing) == (0.2, 0.2, 0.1)
    assert (recipe.batch_size, recipe.warmup_fraction, recipe.weight_decay) == (8 * 192, 3 / 450, 1e-5)
    assert RecipeConfig.model_validate_json(recipe.model_dump_json()) == recipe
    assert RecipeConfig.model_validate({"preset": "fast"}) == RecipeConfig()


def test_the_preset_transformer() -> None:
    recipe = RecipeConfig.model_validate({"preset": "transformer", "epochs": 10})
    assert (recipe.epochs, recipe.optimizer, recipe.weight_decay, recipe.schedule) == (10, "adamw", 0.05, "cosine")
    assert (recipe.mixup_alpha, recipe.cutmix_alpha, recipe.drop_path_rate) == (0.8, 1.0, 0.1)
    assert (recipe.label_smoothing, recipe.warmup_fraction) == (0.1, 0.1)
    assert RecipeConfig.model_validate_json(recipe.model_dump_json()) == recipe


def test_the_digest_tells_recipes_apart() -> None:
    assert RecipeConfig().digest == RecipeConfig(epochs=RecipeConfig().epochs).digest
    assert RecipeConfig().digest != RecipeConfig(epochs=99).digest
