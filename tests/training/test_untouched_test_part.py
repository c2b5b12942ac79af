"""The test part is looked at by finalists, once they are trained, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from tiernas.executors.executor import Event, Failed, Finished, Job
from tiernas.executors.run import run
from tiernas.ledger import Purpose
from tiernas.spaces import Architecture, get_space
from tiernas.study import Trainings
from tiernas.training import DataConfig, ImageSet, RecipeConfig, Splits, load_data, train

RECIPE = RecipeConfig(epochs=1, batch_size=64)


class Forbidden:
    """Stands for a tensor that nobody may look at."""

    def _refuse(self, *_: object) -> NoReturn:
        raise AssertionError("the test part was looked at")

    __getattr__ = __len__ = __getitem__ = _refuse


@pytest.fixture(scope="module")
def guarded() -> Splits:
    splits = load_data(DataConfig(train_limit=100))
    return replace(splits, test=ImageSet(cast(Any, Forbidden()), cast(Any, Forbidden()), splits.classes))


def test_a_training_does_not_look_at_it(guarded: Splits, tiny: Architecture, tmp_path: Path) -> None:
    assert train(tiny, guarded, RECIPE, seed=0, checkpoint_dir=tmp_path).accuracy > 0
    with pytest.raises(AssertionError, match="the test part was looked at"):
        len(guarded.test)


@pytest.mark.parametrize("test", [False, True])
def test_a_job_looks_at_it_only_if_it_is_told_to(
    guarded: Splits, tiny: Architecture, tmp_path: Path, test: bool
) -> None:
    told: list[Event] = []
    recipe = RECIPE.model_dump(mode="json")
    job = Job(1, tiny.to_json(), {}, recipe, 0, str(tmp_path / "checkpoints"), str(tmp_path / "cache"), test)
    run(job, told.append, load=lambda _: guarded)
    if test:
        assert isinstance(told[-1], Failed)
        assert "the test part was looked at" in told[-1].reason
    else:
        assert isinstance(told[-1], Finished)
        assert not any("test" in key for key in told[-1].result)


def test_only_what_is_trained_like_a_finalist_is_told_to() -> None:
    space = get_space("gpunet-small")
    anything = cast(Any, None)
    recipes = dict.fromkeys(Purpose, RECIPE.model_dump(mode="json"))
    trainings = Trainings(anything, anything, space, {}, recipes, 0, Path("run"), anything, anything)
    told = set()
    for purpose in Purpose:
        candidate: Any = SimpleNamespace(
            id=1, index=0, vector=space.sample(1, seed=0)[0].tolist(), purpose=purpose, seed_offset=0, rival=None
        )
        if trainings.job(cast(Any, SimpleNamespace(name="1-2")), candidate).test:
            told.add(purpose)
    assert told == {Purpose.FINAL, Purpose.PARENT, Purpose.RIVAL, Purpose.SEED}
