"""Networks of tokens are trained with the preset that is made for them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tiernas.spaces import Architecture, get_space
from tiernas.training import (
    DataConfig,
    EpochReport,
    RecipeConfig,
    Splits,
    TeacherConfig,
    evaluate,
    load_data,
    load_trained,
    train,
)
from tiernas.training.checkpoint import WEIGHTS

NETWORKS = {
    "vit-small": [32, 2, 32, 64, 32, 2, 1, 96, 16, 1, 1, 1, 0, 0],
    "mlp-small": [32, 64, 0, 2, 2, 1, 96, 1, 1, 2, 1, 0, 1],
}


@pytest.fixture(scope="module")
def small() -> Splits:
    return load_data(DataConfig(train_limit=600))


@pytest.fixture(params=["vit-small", pytest.param("mlp-small", marks=pytest.mark.slow)])
def network(request: pytest.FixtureRequest) -> Architecture:
    return get_space(request.param).decode(NETWORKS[request.param])


def recipe(**values: object) -> RecipeConfig:
    return RecipeConfig.model_validate({"preset": "transformer", "epochs": 7, "learning_rate": 3e-3, **values})


def test_they_learn_digits(small: Splits, network: Architecture, tmp_path: Path) -> None:
    found = train(network, small, recipe(mixup_alpha=0, cutmix_alpha=0), seed=0, checkpoint_dir=tmp_path)
    assert found.accuracy > 0.5
    assert evaluate(load_trained(tmp_path), small.validation, network.resolution) == pytest.approx(found.accuracy)


def test_trainings_are_continued_bitwise(small: Splits, network: Architecture, tmp_path: Path) -> None:
    class InterruptedByTestError(Exception):
        pass

    def interrupt(report: EpochReport) -> None:
        if report.epoch == 1:
            raise InterruptedByTestError

    short = recipe(epochs=2)
    train(network, small, short, seed=3, checkpoint_dir=tmp_path / "whole")
    with pytest.raises(InterruptedByTestError):
        train(network, small, short, seed=3, checkpoint_dir=tmp_path / "parts", on_epoch=interrupt)
    train(network, small, short, seed=3, checkpoint_dir=tmp_path / "parts")
    whole, parts = (load_file(tmp_path / name / WEIGHTS) for name in ("whole", "parts"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


@pytest.mark.slow
def test_one_teaches_another(small: Splits, tmp_path: Path) -> None:
    student, teacher = (get_space(name).decode(vector) for name, vector in NETWORKS.items())
    train(teacher, small, recipe(epochs=5, mixup_alpha=0, cutmix_alpha=0), seed=0, checkpoint_dir=tmp_path / "teacher")
    taught = recipe(epochs=1, teacher=TeacherConfig(kind="entry", path=tmp_path / "teacher"))
    found = train(student, small, taught, seed=0, checkpoint_dir=tmp_path / "student")
    assert found.teacher_accuracy is not None
    assert found.teacher_accuracy > 0.5
