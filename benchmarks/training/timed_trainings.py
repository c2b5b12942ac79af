"""Parallel training runs, each on one core, with everything that could rank their networks, and their CPU time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import torch

from tiernas.networks import cost
from tiernas.spaces import architecture_from_json, get_space
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

Key = TypeVar("Key")


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
    """

    network: str
    recipe: RecipeConfig
    data: DataConfig
    seed: int
    cache_dir: Path
    tested: bool


def run_all(trainings: Mapping[Key, TimedTraining], workers: int) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Key and result of each training run, as soon as it is complete."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        running = {pool.submit(measured, training): key for key, training in trainings.items()}
        for done in as_completed(running):
            yield running[done], done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def measured(training: TimedTraining) -> dict[str, Any]:
    """Trains a network; accuracies and losses are None if training diverged."""
    torch.set_num_threads(1)
    _warm_up()
    splits = _splits(training.data.model_dump_json(), training.cache_dir)
    architecture, recipe = architecture_from_json(training.network), training.recipe
    reports: list[EpochReport] = []
    found: dict[str, Any] = dict.fromkeys(("validation", "cross_entropy", "epoch_losses", "train_accuracies", "test"))
    if recipe.teacher is not None:
        _learn_classes(recipe.teacher, training, splits, architecture.resolution)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
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
            size = cost(architecture, len(splits.classes))
            found |= {"macs": size.macs, "parameters": size.params}
            network, normalization = load_trained(place), recipe.normalization
            found["test"] = evaluate(network, splits.test, architecture.resolution, normalization=normalization)
    return found


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
    with tempfile.TemporaryDirectory() as folder:
        train(network, images, RecipeConfig(epochs=1), seed=0, checkpoint_dir=Path(folder))


@cache
def _splits(data: str, cache_dir: Path) -> Splits:
    return load_data(DataConfig.model_validate_json(data), cache_dir, tell=False)
