"""A trained network as it is deployed: how accurate the engine is, and whether a low precision pays."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tiernas.engines import CompiledNetwork, Engine, measure_loads
from tiernas.latency import advise
from tiernas.latency.advice import Candidate
from tiernas.networks import ConvNet, export_onnx
from tiernas.training import Accuracy, ImageSet, Splits, accuracy_of, calibration_draw, normalize, resize

_PREPARED_IMAGES = 256
"""Images that are scaled and normalised at a time; changes nothing but time and memory."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A network in an engine at its precision.

    Attributes:
        accuracy: Top-1 accuracy on the test part, 0 to 1, of what the engine runs.
        recommended: Whether the precision is worth it, beside the next more exact one of the same engine; of course if
            there is none.
        reason: Why, in words; empty where there was nothing to decide.
        class_mean_accuracy: The mean over the classes of the accuracy on the test images of each, 0 to 1, of what the
            engine runs.
    """

    accuracy: float
    recommended: bool
    reason: str
    class_mean_accuracy: float


def try_deployment(
    network: ConvNet, splits: Splits, engine: Engine, exact_accuracy: float, budget_points: float, limit_s: float
) -> Deployment:
    """Runs a trained network as it will be deployed, on every image of the test part.

    A precision that is not the engine's most exact one is measured beside the next more exact one.

    Args:
        network: The network, trained.
        splits: Its data: calibrated with images drawn from the training part, evaluated on the test part.
        engine: The engine with its precision.
        exact_accuracy: Top-1 accuracy of the network in torch, in fp32, on the test part, 0 to 1.
        budget_points: Accuracy that the low precision may lose, in percentage points.
        limit_s: How long each precision is measured at most, see `tiernas.engines.measure_loads`.
    """
    resolution = network.architecture.resolution
    calibration = _inputs(calibration_draw(splits), resolution)
    exact = engine.more_exact()
    with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
        path = Path(folder) / "network.onnx"
        export_onnx(network, path, batch=engine.batch)
        with engine.compile(path, calibration) as compiled:
            accuracy = _accuracy(compiled, splits.test, resolution)
            if exact is None:
                return Deployment(accuracy.top1, True, "", accuracy.class_mean)
            low = Candidate(engine.precision, measure_loads(compiled, limit_s), accuracy.top1)
        with exact.compile(path, calibration) as compiled:
            other = Candidate(exact.precision, measure_loads(compiled, limit_s), exact_accuracy)
    advice = advise(low, other, budget_points=budget_points)
    return Deployment(accuracy.top1, advice.recommended, advice.reason, accuracy.class_mean)


def _accuracy(network: CompiledNetwork, images: ImageSet, resolution: int) -> Accuracy:
    batch = network.input_shape[0]
    prepared = batch * max(1, _PREPARED_IMAGES // batch)
    predicted = []
    for start in range(0, len(images), prepared):
        inputs = _inputs(images.images[start : start + prepared], resolution)
        inputs = np.pad(inputs, ((0, -len(inputs) % batch), (0, 0), (0, 0), (0, 0)))
        predicted += [network.run(inputs[i : i + batch]).argmax(axis=1) for i in range(0, len(inputs), batch)]
    return accuracy_of(torch.from_numpy(np.concatenate(predicted)[: len(images)]), images.labels)


def _inputs(images: torch.Tensor, resolution: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """`(n, 3, size, size)` uint8 images as networks take them, `(n, 3, resolution, resolution)`."""
    return np.ascontiguousarray(normalize(resize(images, resolution)).numpy())
