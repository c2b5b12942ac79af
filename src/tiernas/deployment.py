"""A trained network in the low precision that it is to be deployed in: how accurate it is, and whether it pays."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tiernas.engines import CompiledNetwork, Engine, measure_loads
from tiernas.engines.loads import LIMIT_S
from tiernas.latency import advise
from tiernas.latency.advice import Candidate
from tiernas.networks import ConvNet, export_onnx
from tiernas.training import ImageSet, Splits, normalize, resize

CALIBRATION_IMAGES = 256
"""Training images that int8 learns its ranges from; the documentation of NNCF gives 300 as its default."""

MEASURE_LIMIT_S = LIMIT_S
"""How long each precision is measured, see `tiernas.engines.measure_loads`."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A network in a low precision, beside the next more exact one of the same engine.

    Attributes:
        accuracy: Top-1 accuracy on the test part, 0 to 1, of what the engine runs.
        recommended: Whether the low precision is worth it.
        reason: Why, in words.
    """

    accuracy: float
    recommended: bool
    reason: str


def try_deployment(
    network: ConvNet, splits: Splits, engine: Engine, exact: Engine, exact_accuracy: float, budget_points: float
) -> Deployment:
    """Runs a trained network as it will be deployed.

    Args:
        network: The network, trained.
        splits: Its data: calibrated with training images, evaluated on the test part.
        engine: The engine with its precision.
        exact: The engine that it is compared with, `engine.more_exact()`.
        exact_accuracy: Accuracy of the network in fp32 on the test part, 0 to 1.
        budget_points: Accuracy that the low precision may lose, in percentage points.
    """
    resolution = network.architecture.resolution
    calibration = _inputs(splits.train, slice(0, CALIBRATION_IMAGES), resolution)
    with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
        path = Path(folder) / "network.onnx"
        export_onnx(network, path, batch=engine.batch)
        with engine.compile(path, calibration) as compiled:
            accuracy = _accuracy(compiled, splits.test, resolution)
            low = Candidate(engine.precision, measure_loads(compiled, MEASURE_LIMIT_S), accuracy)
        with exact.compile(path, calibration) as compiled:
            other = Candidate(exact.precision, measure_loads(compiled, MEASURE_LIMIT_S), exact_accuracy)
    advice = advise(low, other, budget_points=budget_points)
    return Deployment(accuracy, advice.recommended, advice.reason)


def _accuracy(network: CompiledNetwork, images: ImageSet, resolution: int) -> float:
    batch = network.input_shape[0]
    correct = 0
    for start in range(0, len(images), batch):
        labels = images.labels[start : start + batch].numpy()
        inputs = _inputs(images, slice(start, start + batch), resolution)
        missing = batch - len(inputs)
        padded = np.pad(inputs, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else inputs
        correct += int((network.run(padded)[: len(labels)].argmax(axis=1) == labels).sum())
    return correct / len(images)


def _inputs(images: ImageSet, part: slice, resolution: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Images as networks take them, `n x 3 x resolution x resolution`."""
    return np.ascontiguousarray(normalize(resize(images.images[part], resolution)).numpy())
