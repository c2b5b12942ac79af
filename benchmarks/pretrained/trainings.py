"""Parallel training runs, each on one core, and the accuracies of the trained networks."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.pretrained.timm_training import trained_timm
from benchmarks.shared.parallel import run_all
from benchmarks.shared.results_file import Results
from benchmarks.shared.timed_trainings import splits_of
from torch import Tensor, nn

import tiernas
from tiernas.engines import get_engine
from tiernas.latency.measuring.subject import TIMM_PREFIX
from tiernas.networks import write_onnx
from tiernas.networks.normalization import Normalization
from tiernas.spaces import architecture_from_json
from tiernas.training import (
    DataConfig,
    ImageSet,
    RecipeConfig,
    Splits,
    TrainingDiverged,
    calibration_draw,
    normalize,
    predict,
    resize,
    train,
)


@dataclass(frozen=True, slots=True)
class Training:
    """A training run, described for another process.

    Attributes:
        name: Its unique name.
        network: The JSON of an architecture, or `timm:NAME`.
        resolution: Resolution of its images, in pixels.
        recipe: How to train; a start is in `cache_dir`.
        data: The images.
        seed: Seed of the training run.
        cache_dir: The folder that training runs share.
        int8: Whether to evaluate the network in int8, too.
    """

    name: str
    network: str
    resolution: int
    recipe: RecipeConfig
    data: DataConfig
    seed: int
    cache_dir: Path
    int8: bool = False

    @property
    def folder(self) -> Path:
        """Where its checkpoints are until its result is saved."""
        return self.cache_dir / "trainings" / hashlib.sha256(self.name.encode()).hexdigest()[:16]


def train_missing(trainings: Mapping[str, Training], results: Results, workers: int) -> None:
    """Does the training runs that have no results yet, and saves each result when it is available.

    An interrupted one resumes after its last epoch, except for those of timm's networks.
    """
    missing = {key: training for key, training in trainings.items() if key not in results.found}
    for key, found in run_all(trained, missing, workers):
        results.put(key, found, tell=False)
        shutil.rmtree(missing[key].folder, ignore_errors=True)
        print(key, {name: value for name, value in found.items() if not name.startswith("right")}, flush=True)


def trained(training: Training) -> dict[str, Any]:
    """Trains a network; returns its accuracies on validation and test images, and the minutes it took to train.

    `right` has a digit for every test image: 1 if it is classified correctly.
    """
    splits = splits_of(training.data.model_dump_json(), training.cache_dir)
    resolution, recipe = training.resolution, training.recipe
    network: nn.Module
    try:
        if training.network.startswith(TIMM_PREFIX):
            began_s = time.perf_counter()
            name, normalization = training.network.removeprefix(TIMM_PREFIX), recipe.normalization
            network = trained_timm(name, splits, recipe, resolution, training.seed)
            took_s = time.perf_counter() - began_s
        else:
            architecture, folder = architecture_from_json(training.network), training.folder
            cache = training.cache_dir
            result = train(architecture, splits, recipe, seed=training.seed, checkpoint_dir=folder, cache_dir=cache)
            ours = tiernas.load(folder)
            network, normalization, took_s = ours, ours.normalization, result.duration_s
    except TrainingDiverged as error:
        return {"diverged": str(error)}
    validation, test = (_right(network, part, resolution, normalization) for part in (splits.validation, splits.test))
    found = {"validation": _share(validation), "test": _share(test), "minutes": round(took_s / 60, 2), "right": test}
    if training.int8:
        in_int8 = _right_in_int8(network, splits, resolution, normalization)
        found |= {"test_int8": _share(in_int8), "right_int8": in_int8}
    return found


def _right(network: nn.Module, images: ImageSet, resolution: int, normalization: Normalization) -> str:
    return _digits(predict(network, images, resolution, normalization=normalization), images.labels)


def _right_in_int8(network: nn.Module, splits: Splits, resolution: int, normalization: Normalization) -> str:
    """Like `_right`, on the test images in int8 with OpenVINO, calibrated as for an entry."""

    def inputs(images: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
        return normalize(resize(images, resolution), normalization).contiguous().numpy()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        write_onnx(network, path, (1, 3, resolution, resolution))
        with get_engine("openvino", precision="int8").compile(path, inputs(calibration_draw(splits))) as compiled:
            predicted = [int(compiled.run(image[None]).argmax()) for image in inputs(splits.test.images)]
    return _digits(torch.tensor(predicted), splits.test.labels)


def _digits(predicted: Tensor, labels: Tensor) -> str:
    return "".join(map(str, (predicted == labels).int().tolist()))


def _share(right: str) -> float:
    return round(right.count("1") / len(right), 4)
