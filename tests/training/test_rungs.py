"""A training that pauses on its way is, in the end, the training that never paused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tiernas.errors import UsageError
from tiernas.spaces import Architecture
from tiernas.training import DataConfig, RecipeConfig, Splits, TrainingResult, load_data, load_trained, train
from tiernas.training.checkpoint import WEIGHTS

# Everything that is carried over from one epoch to the next, and everything random.
RECIPE = RecipeConfig(epochs=5, ema_decay=0.9, dropout=0.2, drop_path_rate=0.2, erase_probability=0.3, flip=True)


@pytest.fixture(scope="module")
def small() -> Splits:
    return load_data(DataConfig(train_limit=200))


def test_a_promoted_training_equals_one_that_was_never_screened(
    small: Splits, tiny: Architecture, tmp_path: Path
) -> None:
    straight = train(tiny, small, RECIPE, seed=3, checkpoint_dir=tmp_path / "straight")
    folder = tmp_path / "paused"
    paused = [train(tiny, small, RECIPE, seed=3, checkpoint_dir=folder, stop_epoch=epoch) for epoch in (1, 3, 3)]
    assert [p.epochs for p in paused] == [1, 3, 3]
    assert paused[1].accuracy == paused[2].accuracy  # asked again after a kill, it says the same
    with pytest.raises(UsageError, match="the training is not complete"):
        load_trained(folder)
    promoted = train(tiny, small, RECIPE, seed=3, checkpoint_dir=folder)
    assert (promoted.epochs, promoted.accuracy) == (5, straight.accuracy)
    assert promoted.train_loss == straight.train_loss
    expected, found = load_file(tmp_path / "straight" / WEIGHTS), load_file(folder / WEIGHTS)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)


def test_a_training_that_has_gone_on_is_judged_by_its_rung_alone(
    small: Splits, tiny: Architecture, tmp_path: Path
) -> None:
    def asked_again(folder: Path) -> list[TrainingResult]:
        return [train(tiny, small, RECIPE, seed=3, checkpoint_dir=folder, stop_epoch=epoch) for epoch in (1, 2)]

    folder = tmp_path / "rung"
    first, second = asked_again(folder)
    for gone_on in (2, 3, 4, 5):  # 3: the checkpoint before is of the rung; 4: all are beyond it; 5: it is complete
        train(tiny, small, RECIPE, seed=3, checkpoint_dir=folder, stop_epoch=gone_on)
        again = train(tiny, small, RECIPE, seed=3, checkpoint_dir=folder, stop_epoch=2)
        assert (again.epochs, again.accuracy, again.train_loss) == (2, second.accuracy, second.train_loss)
    again = train(tiny, small, RECIPE, seed=3, checkpoint_dir=folder, stop_epoch=1)
    assert (again.epochs, again.accuracy) == (1, first.accuracy)
    complete = train(tiny, small, RECIPE, seed=3, checkpoint_dir=folder)
    assert complete.epochs == 5
    assert [path.name for path in folder.iterdir()] == [WEIGHTS]


def test_a_rung_has_the_learning_rates_of_the_whole_training(small: Splits, tiny: Architecture, tmp_path: Path) -> None:
    paused = train(tiny, small, RECIPE, seed=3, checkpoint_dir=tmp_path / "paused", stop_epoch=2)
    short = train(tiny, small, RECIPE, seed=3, checkpoint_dir=tmp_path / "short", epochs=2)
    assert paused.epochs == short.epochs == 2
    assert paused.train_loss != short.train_loss
    assert paused.recipe_digest == RECIPE.digest != short.recipe_digest


@pytest.mark.parametrize("stop_epoch", [0, 6])
def test_a_rung_outside_the_training_is_refused(
    small: Splits, tiny: Architecture, tmp_path: Path, stop_epoch: int
) -> None:
    with pytest.raises(ValueError, match=f"stop_epoch = {stop_epoch}: must be 1 to 5"):
        train(tiny, small, RECIPE, seed=3, checkpoint_dir=tmp_path, stop_epoch=stop_epoch)
