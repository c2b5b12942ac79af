"""Training runs on one core, with everything that could rank their networks, and their CPU time."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from tiernas.networks import cost
from tiernas.spaces import architecture_from_json, get_space
from tiernas.temporary import owned_folder
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
from tiernas.training.teachers import prepare_teacher

temporary_folder = partial(owned_folder, "tiernas-benchmark-")
"""A folder for the checkpoints of a training run; folders that killed processes left are removed."""


@dataclass(frozen=True, slots=True)
class TimedTraining:
    """A training run, described for another process.

    Attributes:
        network: The JSON of an architecture.
        recipe: How to train; a start is in `cache_dir`.
        data: The images.
        seed: Seed of the training run.
        cache_dir: The folder that training runs share.
        tested: Whether the network is evaluated on the test images and its size recorded.
        folder: Where the trained network is kept; None: nowhere.
    """

    network: str
    recipe: RecipeConfig
    data: DataConfig
    seed: int
    cache_dir: Path
    tested: bool = False
    folder: Path | None = None


def measured(training: TimedTraining) -> dict[str, Any]:
    """Trains a network; accuracies and losses are None if training diverged."""
    _warm_up()
    splits = splits_of(training.data.model_dump_json(), training.cache_dir)
    architecture, recipe = architecture_from_json(training.network), training.recipe
    reports: list[EpochReport] = []
    found: dict[str, Any] = dict.fromkeys(("validation", "cross_entropy", "epoch_losses", "train_accuracies", "test"))
    if recipe.teacher is not None:
        _learn_classes(recipe.teacher, training, splits, architecture.resolution)
    if training.tested:
        size = cost(architecture, len(splits.classes))
        found |= {"macs": size.macs, "parameters": size.params}
    with nullcontext(training.folder) if training.folder else temporary_folder() as place:
        began_s = time.process_time()
        try:
            result = train(
                architecture,
                splits,
                recipe,
                seed=training.seed,
                checkpoint_dir=place,
                cache_dir=training.cache_dir,
                on_epoch=reports.append,
            )
        except TrainingDiverged:
            return found | {"cpu_s": round(time.process_time() - began_s, 2)}
        found["cpu_s"] = round(time.process_time() - began_s, 2)
        found["validation"] = result.accuracy
        found["cross_entropy"] = result.validation_cross_entropy
        found["epoch_losses"] = list(result.epoch_losses)
        found["train_accuracies"] = [report.train_accuracy for report in reports]
        if training.tested:
            network, normalization = load_trained(place), recipe.normalization
            found["test"] = evaluate(network, splits.test, architecture.resolution, normalization=normalization)
    return found


@cache
def splits_of(data: str, cache_dir: Path) -> Splits:
    """The images of the JSON of a `DataConfig`, loaded once by each process."""
    return load_data(DataConfig.model_validate_json(data), cache_dir, tell=False)


def _learn_classes(teacher: TeacherConfig, training: TimedTraining, splits: Splits, resolution: int) -> None:
    """Makes the teacher learn the classes of the data, which it does once for all students of a resolution."""
    cpu, normalization = torch.device("cpu"), training.recipe.normalization
    prepare_teacher(
        teacher, splits, resolution, training.cache_dir, cpu, images_change=True, normalization=normalization
    )


@cache
def _warm_up() -> None:
    """Does a short training run, so that the first one of this process does not take longer than others."""
    space, images = get_space("gpunet-small"), load_data(DataConfig(train_limit=100), tell=False)
    network = space.decode(space.sample(1, seed=0)[0])
    with temporary_folder() as folder:
        train(network, images, RecipeConfig(epochs=1), seed=0, checkpoint_dir=folder)
