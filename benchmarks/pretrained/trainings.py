"""Parallel training runs, each on one core, and the accuracies of the trained networks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.pretrained.timm_training import trained_timm
from benchmarks.shared.results_file import Results
from torch import Tensor, nn

import tiernas
from tiernas.engines import get_engine
from tiernas.latency.measuring.subject import TIMM_PREFIX
from tiernas.networks import write_onnx
from tiernas.networks.normalization import Normalization
from tiernas.spaces import architecture_from_json
from tiernas.training import (
    DataConfig,
    RecipeConfig,
    Splits,
    calibration_draw,
    evaluate,
    load_data,
    normalize,
    resize,
    train,
)


@dataclass(frozen=True, slots=True)
class Training:
    """A training run, described for another process.

    Attributes:
        network: The JSON of an architecture, or `timm:NAME`.
        resolution: Resolution of its images, in pixels.
        recipe: How to train; a start is in `cache_dir`.
        data: The images.
        seed: Seed of the training run.
        cache_dir: The folder that training runs share.
        int8: Whether to evaluate the network in int8, too.
    """

    network: str
    resolution: int
    recipe: RecipeConfig
    data: DataConfig
    seed: int
    cache_dir: Path
    int8: bool = False


def train_missing(trainings: Mapping[str, Training], results: Results, workers: int) -> None:
    """Does the training runs that have no results yet, and saves each result when it is available."""
    missing = {key: training for key, training in trainings.items() if key not in results.found}
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        running = {pool.submit(trained, training): key for key, training in missing.items()}
        for done in as_completed(running):
            results.put(running[done], done.result())
    finally:
        pool.shutdown(cancel_futures=True)


def trained(training: Training) -> dict[str, Any]:
    """Trains a network; returns its accuracies on validation and test images, and the minutes it took to train."""
    torch.set_num_threads(1)
    splits = _splits(training.data.model_dump_json(), training.cache_dir)
    resolution, recipe = training.resolution, training.recipe
    began_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if training.network.startswith(TIMM_PREFIX):
            name = training.network.removeprefix(TIMM_PREFIX)
            network = trained_timm(name, splits, recipe, resolution, training.seed)
            normalization = recipe.normalization
        else:
            architecture = architecture_from_json(training.network)
            place = Path(folder)
            train(architecture, splits, recipe, seed=training.seed, checkpoint_dir=place, cache_dir=training.cache_dir)
            ours = tiernas.load(place)
            network, normalization = ours, ours.normalization
    took_s = time.perf_counter() - began_s
    validation, test = (
        evaluate(network, part, resolution, normalization=normalization) for part in (splits.validation, splits.test)
    )
    found = {"validation": round(validation, 4), "test": round(test, 4), "minutes": round(took_s / 60, 2)}
    if training.int8:
        found["test_int8"] = round(_int8_accuracy(network, splits, resolution, normalization), 4)
    return found


@cache
def _splits(data: str, cache_dir: Path) -> Splits:
    return load_data(DataConfig.model_validate_json(data), cache_dir, tell=False)


def _int8_accuracy(network: nn.Module, splits: Splits, resolution: int, normalization: Normalization) -> float:
    """Top-1 accuracy on the test images in int8 with OpenVINO, calibrated as for an entry."""

    def inputs(images: Tensor) -> np.ndarray:
        return normalize(resize(images, resolution), normalization).contiguous().numpy()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        write_onnx(network, path, (1, 3, resolution, resolution))
        with get_engine("openvino", precision="int8").compile(path, inputs(calibration_draw(splits))) as compiled:
            predicted = [int(compiled.run(image[None]).argmax()) for image in inputs(splits.test.images)]
    return float(np.mean(np.array(predicted) == splits.test.labels.numpy()))
