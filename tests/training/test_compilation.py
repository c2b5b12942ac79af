from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tiernas.errors import UsageError
from tiernas.spaces import Head, Stage, StagedArchitecture, Stem
from tiernas.training import DataConfig, EpochReport, RecipeConfig, load_data, train
from tiernas.training.checkpoint import WEIGHTS
from tiernas.training.compilation import compiled

SMALLEST = StagedArchitecture(8, Stem(4), (Stage("conv", 4, 3, 2, 1, "relu"),), Head(8))


class InterruptedByTestError(Exception):
    pass


def interrupt(report: EpochReport) -> None:
    raise InterruptedByTestError


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
@pytest.mark.slow
def test_a_compiled_training_learns_the_same_and_is_continued_bitwise(tmp_path: Path) -> None:
    splits = load_data(DataConfig(train_limit=100))
    eager = train(SMALLEST, splits, RecipeConfig(epochs=2), seed=3, checkpoint_dir=tmp_path / "eager")
    recipe = RecipeConfig(epochs=2, compile=True)
    whole = train(SMALLEST, splits, recipe, seed=3, checkpoint_dir=tmp_path / "whole")
    assert whole.train_loss == pytest.approx(eager.train_loss, rel=1e-3)
    with pytest.raises(InterruptedByTestError):
        train(SMALLEST, splits, recipe, seed=3, checkpoint_dir=tmp_path / "parts", on_epoch=interrupt)
    train(SMALLEST, splits, recipe, seed=3, checkpoint_dir=tmp_path / "parts")
    weights = [load_file(tmp_path / folder / WEIGHTS) for folder in ("whole", "parts")]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_without_a_compiler_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match=r"recipe.compile = true needs a C\+\+ compiler"):
        compiled(torch.nn.Linear(1, 1), torch.device("cpu"))
