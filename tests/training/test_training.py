from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors.torch import load_file

from tiernas.blocks.modules import Residual
from tiernas.errors import UsageError
from tiernas.networks import build
from tiernas.spaces import Architecture, StagedArchitecture
from tiernas.storage import read_tensors, write_tensors
from tiernas.training import (
    DataConfig,
    EpochReport,
    RecipeConfig,
    Splits,
    TeacherConfig,
    TrainingDiverged,
    evaluate,
    load_data,
    load_trained,
    train,
)
from tiernas.training.checkpoint import CURRENT, PREVIOUS, WEIGHTS
from tiernas.training.epoch import steps_per_epoch
from tiernas.training.initialization import calm

# Everything that is carried over from one epoch to the next, and everything random.
FULL = RecipeConfig(epochs=3, ema_decay=0.9, dropout=0.2, drop_path_rate=0.2, erase_probability=0.3, flip=True)


class InterruptedByTestError(Exception):
    pass


def interrupt_after(epoch: int) -> Callable[[EpochReport], None]:
    def on_epoch(report: EpochReport) -> None:
        if report.epoch == epoch:
            raise InterruptedByTestError

    return on_epoch


@pytest.fixture(scope="module")
def small() -> Splits:
    return load_data(DataConfig(train_limit=300))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / WEIGHTS)


def bitwise_equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_digits_are_learned(digits: Splits, tiny: Architecture, tmp_path: Path) -> None:
    reports: list[EpochReport] = []
    recipe = RecipeConfig(epochs=6)
    result = train(tiny, digits, recipe, seed=0, checkpoint_dir=tmp_path, on_epoch=reports.append)
    assert result.accuracy >= 0.9
    assert [report.epoch for report in reports] == [1, 2, 3, 4, 5, 6]
    assert result.train_loss == reports[-1].train_loss < reports[0].train_loss
    assert result.class_mean_accuracy == pytest.approx(result.accuracy, abs=0.05)  # as many images of every digit
    assert result.accuracy == reports[-1].validation_accuracy > reports[0].validation_accuracy
    assert result.validation_cross_entropy == reports[-1].validation_cross_entropy < reports[0].validation_cross_entropy
    assert result.epoch_losses == tuple(report.train_loss for report in reports)
    assert reports[0].train_accuracy < reports[-1].train_accuracy <= 1
    assert 0 < reports[-1].learning_rate < max(report.learning_rate for report in reports) < recipe.learning_rate
    assert min(report.images_per_s for report in reports) <= result.images_per_s
    assert (result.data_digest, result.recipe_digest) == (digits.digest, recipe.digest)
    assert result.images_per_s > 0
    assert result.peak_memory_mb > 10
    assert [path.name for path in tmp_path.iterdir()] == [WEIGHTS]
    network = load_trained(tmp_path)
    assert network.architecture == tiny
    assert evaluate(network, digits.validation, tiny.resolution) == result.accuracy
    assert evaluate(network, digits.test, tiny.resolution, batch_size=7) >= 0.9


def test_a_complete_training_is_not_repeated(small: Splits, tiny: Architecture, tmp_path: Path) -> None:
    recipe = RecipeConfig(epochs=1)
    first = train(tiny, small, recipe, seed=0, checkpoint_dir=tmp_path)
    again = train(tiny, small, recipe, seed=0, checkpoint_dir=tmp_path, on_epoch=interrupt_after(1))
    assert again == first


# RMSpropTF, timm's augmentation, fp16 with a scaled loss.
PAPER = {"preset": "paper", "epochs": 3, "batch_size": 32, "flip": True, "ema_decay": 0.9, "schedule": "cosine"}


@pytest.mark.parametrize(
    "values",
    [
        FULL.model_dump() | {"optimizer": "sgd"},
        FULL.model_dump() | {"optimizer": "rmsprop"},
        FULL.model_dump() | {"optimizer": "adamw", "precision": "bf16"},
        FULL.model_dump() | {"body_learning_rate_scale": 0.1},
        pytest.param(PAPER, marks=pytest.mark.slow),
    ],
    ids=["sgd", "rmsprop", "adamw-bf16", "slower-body", "paper-fp16"],
)
def test_continued_weights_are_bitwise_those_of_an_uninterrupted_training(
    small: Splits, tiny: Architecture, tmp_path: Path, values: dict[str, Any]
) -> None:
    recipe = RecipeConfig.model_validate(values)
    if recipe.crop_scale is not None:
        pytest.importorskip("timm", reason="timm is not installed")
    whole = train(tiny, small, recipe, seed=3, checkpoint_dir=tmp_path / "whole")
    for epoch in (1, 2):
        torch.manual_seed(epoch)  # what torch's global generator holds must not matter
        with pytest.raises(InterruptedByTestError):
            train(tiny, small, recipe, seed=3, checkpoint_dir=tmp_path / "parts", on_epoch=interrupt_after(epoch))
    parts = train(tiny, small, recipe, seed=3, checkpoint_dir=tmp_path / "parts")
    assert bitwise_equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert (whole.accuracy, whole.train_loss) == (parts.accuracy, parts.train_loss)
    assert whole.validation_cross_entropy == parts.validation_cross_entropy
    assert whole.epoch_losses == parts.epoch_losses
    assert len(whole.epoch_losses) == 3


def rewrite_without(path: Path, part: str, *keys: str) -> None:
    """Makes a file of a training run look like one of a version that did not record some facts."""
    stored = read_tensors(path)
    assert stored is not None
    tensors, facts = stored
    older = {key: value for key, value in facts[part].items() if key not in keys}
    assert len(older) == len(facts[part]) - len(keys)
    write_tensors(path, tensors, {**facts, part: older})


def test_files_without_losses_are_continued_and_read(small: Splits, tiny: Architecture, tmp_path: Path) -> None:
    whole = train(tiny, small, FULL, seed=3, checkpoint_dir=tmp_path / "whole")
    parts = tmp_path / "parts"
    with pytest.raises(InterruptedByTestError):
        train(tiny, small, FULL, seed=3, checkpoint_dir=parts, on_epoch=interrupt_after(1))
    rewrite_without(parts / CURRENT, "progress", "epoch_losses")
    continued = train(tiny, small, FULL, seed=3, checkpoint_dir=parts)
    assert bitwise_equal(weights(tmp_path / "whole"), weights(parts))
    assert continued.epoch_losses == whole.epoch_losses[1:]
    rewrite_without(parts / WEIGHTS, "result", "epoch_losses", "validation_cross_entropy")
    again = train(tiny, small, FULL, seed=3, checkpoint_dir=parts)
    assert again == replace(continued, epoch_losses=(), validation_cross_entropy=None)


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from tiernas.spaces import architecture_from_json
from tiernas.training import DataConfig, RecipeConfig, load_data, train
torch.set_num_threads(1)
folder, architecture, recipe = Path(sys.argv[1]), architecture_from_json(sys.argv[2]), sys.argv[3]
print("started", flush=True)
train(architecture, load_data(DataConfig(train_limit=300)), RecipeConfig.model_validate_json(recipe), seed=3,
      checkpoint_dir=folder, on_epoch=lambda report: print(report.epoch, flush=True))
"""


@pytest.fixture
def paper_with_teacher(small: Splits, tiny: Architecture, tmp_path: Path) -> RecipeConfig:
    """Everything that the default recipe has not, on images that grow."""
    pytest.importorskip("timm", reason="timm is not installed")
    train(tiny, small, RecipeConfig(epochs=2), seed=0, checkpoint_dir=tmp_path / "teacher")
    teacher = TeacherConfig(kind="entry", path=tmp_path / "teacher")
    return RecipeConfig.model_validate(PAPER | {"epochs": 6, "teacher": teacher, "start_scale": 0.5})


def kill_9_after(epoch: int, tiny: Architecture, recipe: RecipeConfig, folder: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(folder), tiny.to_json(), recipe.model_dump_json()]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != str(epoch):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (folder / WEIGHTS).exists()


@pytest.mark.slow
def test_kill_9_and_continue(small: Splits, tiny: Architecture, tmp_path: Path) -> None:
    kill_9_after(1, tiny, FULL, tmp_path / "parts")
    train(tiny, small, FULL, seed=3, checkpoint_dir=tmp_path / "whole")
    epochs: list[int] = []
    train(tiny, small, FULL, seed=3, checkpoint_dir=tmp_path / "parts", on_epoch=lambda r: epochs.append(r.epoch))
    assert epochs[-1] == 3
    assert epochs[0] > 1
    assert bitwise_equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


@pytest.mark.slow
def test_kill_9_a_truncated_checkpoint_and_continue_by_the_paper_with_a_teacher_and_growing_images(
    small: Splits,
    tiny: Architecture,
    paper_with_teacher: RecipeConfig,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kill_9_after(2, tiny, paper_with_teacher, tmp_path / "parts")
    current = tmp_path / "parts" / CURRENT
    current.write_bytes(current.read_bytes()[:-100])
    train(tiny, small, paper_with_teacher, seed=3, checkpoint_dir=tmp_path / "whole")
    epochs: list[int] = []
    parts = train(
        tiny,
        small,
        paper_with_teacher,
        seed=3,
        checkpoint_dir=tmp_path / "parts",
        on_epoch=lambda r: epochs.append(r.epoch),
    )
    assert epochs[0] >= 2
    assert epochs[-1] == 6
    assert "damaged" in caplog.text
    assert parts.teacher_accuracy is not None
    assert bitwise_equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_checkpoint_falls_back_to_the_one_before(
    small: Splits, tiny: Architecture, tmp_path: Path, keep: float, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InterruptedByTestError):
        train(tiny, small, FULL, seed=3, checkpoint_dir=tmp_path, on_epoch=interrupt_after(2))
    content = (tmp_path / CURRENT).read_bytes()
    (tmp_path / CURRENT).write_bytes(content[: int(keep * len(content))])
    epochs: list[int] = []
    train(tiny, small, FULL, seed=3, checkpoint_dir=tmp_path, on_epoch=lambda r: epochs.append(r.epoch))
    assert epochs == [2, 3]
    assert "damaged" in caplog.text


def test_checkpoints_of_something_else_are_not_used(
    small: Splits, tiny: StagedArchitecture, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = RecipeConfig(epochs=2)
    wider = replace(tiny, head=replace(tiny.head, filters=72))
    others = [
        (wider, small, recipe, 3),
        (tiny, replace(small, digest="other"), recipe, 3),
        (tiny, small, RecipeConfig(epochs=2, learning_rate=0.1), 3),
        (tiny, small, recipe, 4),
    ]
    for i, (architecture, splits, other, seed) in enumerate(others):
        folder = tmp_path / str(i)
        with pytest.raises(InterruptedByTestError):
            train(architecture, splits, other, seed=seed, checkpoint_dir=folder, on_epoch=interrupt_after(1))
        reports: list[EpochReport] = []
        caplog.clear()
        train(tiny, small, recipe, seed=3, checkpoint_dir=folder, on_epoch=reports.append)
        assert [report.epoch for report in reports] == [1, 2]
        assert "not used" in caplog.text
        assert load_trained(folder).architecture == tiny


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_huge_learning_rate_diverges(
    small: Splits, tiny: Architecture, tmp_path: Path, optimizer: Literal["sgd", "adamw"]
) -> None:
    recipe = RecipeConfig(optimizer=optimizer, learning_rate=1e6, epochs=5)
    with pytest.raises(TrainingDiverged, match="diverged in epoch") as caught:
        train(tiny, small, recipe, seed=0, checkpoint_dir=tmp_path)
    assert 1 <= caught.value.epoch <= 5
    assert caught.value.step >= 1
    assert not (tmp_path / WEIGHTS).exists()


@pytest.mark.parametrize("precision", ["bf16", pytest.param("fp16", marks=pytest.mark.slow)])
def test_digits_are_learned_in_mixed_precision(
    small: Splits, tiny: Architecture, tmp_path: Path, precision: Literal["bf16", "fp16"]
) -> None:
    fp32 = train(tiny, small, RecipeConfig(epochs=3), seed=0, checkpoint_dir=tmp_path / "fp32")
    mixed = train(tiny, small, RecipeConfig(epochs=3, precision=precision), seed=0, checkpoint_dir=tmp_path / "mixed")
    assert mixed.train_loss == pytest.approx(fp32.train_loss, rel=0.1)
    assert mixed.train_loss != fp32.train_loss
    assert {tensor.dtype for tensor in weights(tmp_path / "mixed").values()} <= {torch.float32, torch.int64}


def test_epochs_can_be_given_apart_from_the_recipe(small: Splits, tiny: Architecture, tmp_path: Path) -> None:
    result = train(tiny, small, RecipeConfig(), seed=0, checkpoint_dir=tmp_path, epochs=1)
    assert result.epochs == 1
    assert result.recipe_digest == RecipeConfig(epochs=1).digest


def test_the_global_generator_is_left_as_it_was(small: Splits, tiny: Architecture, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    train(tiny, small, RecipeConfig(epochs=1), seed=0, checkpoint_dir=tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_folder_that_cannot_be_written_is_named(small: Splits, tiny: Architecture, tmp_path: Path) -> None:
    (tmp_path / "way").write_text("a file is in the way")
    with pytest.raises(UsageError, match="cannot write"):
        train(tiny, small, RecipeConfig(epochs=1), seed=0, checkpoint_dir=tmp_path / "way")


def test_there_is_no_network_before_the_training_is_complete(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not complete"):
        load_trained(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(UsageError, match="damaged"):
        load_trained(tmp_path)


def test_the_checkpoint_before_the_last_is_kept(small: Splits, tiny: Architecture, tmp_path: Path) -> None:
    with pytest.raises(InterruptedByTestError):
        train(tiny, small, FULL, seed=3, checkpoint_dir=tmp_path, on_epoch=interrupt_after(2))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([CURRENT, PREVIOUS])


@pytest.mark.parametrize("images", range(2, 40))
def test_no_step_has_a_single_image(images: int) -> None:
    recipe = RecipeConfig(batch_size=4)
    sizes = [len(part) for part in torch.arange(images).tensor_split(steps_per_epoch(images, recipe))]
    assert min(sizes) >= 2
    assert max(sizes) <= 4
    assert max(sizes) - min(sizes) <= 1


def test_a_new_network_says_that_all_classes_are_alike(tiny: Architecture) -> None:
    network = build(tiny, 10).train()
    calm(network)
    logits = network(torch.randn(4, 3, 16, 16))
    assert torch.equal(logits, torch.zeros(4, 10))
    residual = [module for module in network.modules() if isinstance(module, Residual) and module.residual]
    x = torch.randn(4, 32, 4, 4)
    assert len(residual) == 1
    assert torch.equal(residual[0](x), x)
