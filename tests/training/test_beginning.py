"""Training runs that start from a trained network, and images normalized as it expects them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import tiernas
from tiernas.errors import UsageError
from tiernas.networks import build
from tiernas.networks.normalization import Normalization
from tiernas.spaces import Architecture, Head, Stage, StagedArchitecture, Stem
from tiernas.training import EpochReport, ImageSet, RecipeConfig, Splits, calibration_draw, normalize, resize, train
from tiernas.training.beginning import begun_from, first_weights, open_parent, opened_start
from tiernas.training.checkpoint import CURRENT, WEIGHTS
from tiernas.training.initialization import calm
from tiernas.training.statistics import refresh_statistics

GENTLE = RecipeConfig(epochs=1, learning_rate=1e-4)

SMALLER = StagedArchitecture(
    16,
    Stem(8),
    (
        Stage("conv", 16, 3, 1, 1, "relu"),
        Stage("fused_irb", 16, 3, 2, 1, "swish", expansion=2),
        Stage("irb", 24, 3, 2, 1, "relu", expansion=4),
    ),
    Head(32),
)
"""A part of the network `tiny`."""


@pytest.fixture(scope="module")
def trained(digits: Splits, tiny: Architecture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training run of `tiny`."""
    folder = tmp_path_factory.mktemp("trained")
    train(tiny, digits, RecipeConfig(epochs=6), seed=0, checkpoint_dir=folder)
    return folder


def renamed(splits: Splits) -> Splits:
    """The same images of classes with other names."""

    def part(images: ImageSet) -> ImageSet:
        return replace(images, classes=tuple(f"digit {name}" for name in images.classes))

    parts = (splits.train, splits.validation, splits.test)
    return replace(splits, train=part(parts[0]), validation=part(parts[1]), test=part(parts[2]), digest="0" * 16)


def started(recipe: RecipeConfig, folder: Path) -> RecipeConfig:
    return begun_from(recipe, opened_start(recipe), folder)


def test_a_training_run_starts_where_another_one_ended(
    digits: Splits, tiny: Architecture, trained: Path, tmp_path: Path
) -> None:
    recipe = GENTLE.model_copy(update={"start": str(trained)})
    result = train(tiny, digits, recipe, seed=1, checkpoint_dir=tmp_path / "a", cache_dir=tmp_path)
    fresh = train(tiny, digits, GENTLE, seed=1, checkpoint_dir=tmp_path / "b")
    assert result.accuracy >= 0.9 > 0.5 > fresh.accuracy
    assert result.recipe_digest == started(recipe, tmp_path).digest != fresh.recipe_digest


def test_a_smaller_network_starts_better_than_with_random_weights(
    digits: Splits, trained: Path, tmp_path: Path
) -> None:
    recipe = RecipeConfig(epochs=1, start=str(trained))
    inherited = train(SMALLER, digits, recipe, seed=0, checkpoint_dir=tmp_path / "a", cache_dir=tmp_path)
    fresh = train(SMALLER, digits, RecipeConfig(epochs=1), seed=0, checkpoint_dir=tmp_path / "b")
    assert inherited.accuracy > fresh.accuracy + 0.05


def test_the_whole_network_starts_as_it_is(digits: Splits, tiny: Architecture, trained: Path, tmp_path: Path) -> None:
    network = build(tiny, 10)
    first_weights(digits, started(RecipeConfig(start=str(trained)), tmp_path), tmp_path)(network)
    weights = load_file(trained / WEIGHTS)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())


def test_other_classes_get_a_new_classifier(digits: Splits, tiny: Architecture, trained: Path, tmp_path: Path) -> None:
    network = build(tiny, 10)
    first_weights(renamed(digits), started(RecipeConfig(start=str(trained)), tmp_path), tmp_path)(network)
    weights = load_file(trained / WEIGHTS)
    other = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, weights[name])}
    classifier = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
    assert other == {f"{classifier}.weight", f"{classifier}.bias"}


def test_opening_a_start_leaves_no_trace(digits: Splits, tiny: Architecture, trained: Path, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    recipe = GENTLE.model_copy(update={"start": str(trained)})
    train(tiny, digits, recipe, seed=0, checkpoint_dir=tmp_path / "run")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [WEIGHTS]


def test_random_weights_of_a_start_are_always_the_same() -> None:
    first, second = (open_parent("efficientnet-lite0", "fresh") for _ in range(2))
    assert first.digest == second.digest


def test_recipes_are_equal_if_the_weights_are(trained: Path, tmp_path: Path) -> None:
    by_path = started(RecipeConfig(start=str(trained)), tmp_path)
    (tmp_path / "copy").symlink_to(trained)
    assert started(RecipeConfig(start=str(tmp_path / "copy")), tmp_path) == by_path
    assert started(by_path, tmp_path) == by_path, "it is in the cache already"
    assert by_path.start is not None
    assert by_path.start.startswith("sha256:")
    assert RecipeConfig.model_validate(by_path.model_dump(mode="json")) == by_path
    assert "start" not in RecipeConfig().model_dump()


def test_it_resumes_as_if_it_had_never_been_interrupted(digits: Splits, trained: Path, tmp_path: Path) -> None:
    class InterruptedByTestError(Exception):
        pass

    def interrupt(report: EpochReport) -> None:
        raise InterruptedByTestError

    recipe = started(RecipeConfig(epochs=2, start=str(trained), ema_decay=0.9), tmp_path)

    def run(name: str, on_epoch: Callable[[EpochReport], None] | None = None) -> None:
        train(SMALLER, digits, recipe, seed=3, checkpoint_dir=tmp_path / name, cache_dir=tmp_path, on_epoch=on_epoch)

    run("at once")
    with pytest.raises(InterruptedByTestError):
        run("in parts", interrupt)
    assert (tmp_path / "in parts" / CURRENT).exists()
    (start,) = tmp_path.glob("start-*.safetensors")
    start.unlink()
    run("in parts")  # from its checkpoint alone: nothing is inherited again
    once, parts = (load_file(tmp_path / name / WEIGHTS) for name in ("at once", "in parts"))
    assert all(torch.equal(once[key], parts[key]) for key in once)


def test_a_start_that_does_not_exist(digits: Splits, tiny: Architecture, tmp_path: Path) -> None:
    for start, message in (("nothing", "there is no such network"), ("sha256:" + "0" * 16, "does not exist on this")):
        with pytest.raises(UsageError, match=message):
            train(tiny, digits, RecipeConfig(start=start), seed=0, checkpoint_dir=tmp_path)


def test_statistics_are_those_of_training_images(digits: Splits, tiny: Architecture) -> None:
    network = build(tiny, 10).eval()
    wanted = Normalization((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    refresh_statistics(network, digits, wanted)
    images = normalize(resize(calibration_draw(digits), tiny.resolution), wanted)
    first = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    conv = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    with torch.no_grad():
        maps = conv(images)
    assert first.running_mean is not None
    torch.testing.assert_close(first.running_mean, maps.mean((0, 2, 3)), rtol=1e-4, atol=1e-4)
    assert first.momentum == 0.1
    assert not any(module.training for module in network.modules())


def test_a_training_run_records_how_its_images_are_normalized(
    digits: Splits, tiny: Architecture, tmp_path: Path
) -> None:
    half = (0.5, 0.5, 0.5)
    recipe = RecipeConfig(epochs=1, input_mean=half, input_std=half)
    usual = train(tiny, digits, RecipeConfig(epochs=1), seed=0, checkpoint_dir=tmp_path / "usual")
    other = train(tiny, digits, recipe, seed=0, checkpoint_dir=tmp_path / "half")
    assert usual.train_loss != other.train_loss
    network = tiernas.load(tmp_path / "half")
    assert (network.input_mean, network.input_std) == (half, half)
    again = started(RecipeConfig(start=str(tmp_path / "half")), tmp_path)
    assert again.normalization == Normalization(half, half)


def test_recipes_of_earlier_versions_are_written_as_before() -> None:
    assert not {"start", "input_mean", "input_std"} & RecipeConfig().model_dump().keys()
    assert RecipeConfig(input_mean=(0.5, 0.5, 0.5)).digest != RecipeConfig().digest
    with pytest.raises(ValueError, match="greater than 0"):
        RecipeConfig(input_std=(1, 0, 1))


def test_without_a_start_weights_are_calm(digits: Splits, tmp_path: Path) -> None:
    assert first_weights(digits, RecipeConfig(), tmp_path) is calm
