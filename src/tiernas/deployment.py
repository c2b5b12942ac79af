"""A trained network as deployed: its accuracy and latency, and whether a low precision pays off."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tiernas.artefact import Preprocessing, begin_artefact, end_artefact, logits_to_check
from tiernas.engines import CompiledNetwork, Engine, Measurement, TurnRule, graph_digest
from tiernas.errors import UsageError
from tiernas.executors.code_version import code_version
from tiernas.latency.measuring.advice import PrecisionOption, advise, advise_unmeasured
from tiernas.networks import Network, export_onnx
from tiernas.networks.normalization import IMAGENET, Normalization
from tiernas.standalone.preprocessing import Pixels
from tiernas.temporary import owned_folder
from tiernas.training import Accuracy, ImageSet, Splits, accuracy_of, calibration_draw
from tiernas.training.splitting import stratified

_PREPARED_IMAGES = 256
"""Images scaled and normalized at a time; affects only time and memory."""

_CHECK_IMAGES = 48
"""Maximum number of test images stored with the network to check an export."""

_CHECK_BYTES = 600_000
"""Maximum uncompressed size of these images, but at least two are stored."""

_EXACT = "fp32"
"""The precision of torch's accuracy."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A network in an engine at a precision.

    Attributes:
        accuracy: Top-1 accuracy of the saved network on the test split, 0 to 1.
        recommended: Whether the precision pays off compared with the next more exact one of the same engine; True if
            there is none.
        reason: Why, in words; empty if there was nothing to decide.
        class_mean_accuracy: Mean over the classes of the saved network's accuracy on the test images of each class, 0
            to 1.
        latency: The measurement of the trained network, fields of `tiernas.engines.Measurement`; None on a device
            without a connection.
        fingerprint: What it was measured on, or is for.
        code_version: The code that measured it, see `tiernas.executors.code_version`.
    """

    accuracy: float
    recommended: bool
    reason: str
    class_mean_accuracy: float
    latency: dict[str, Any] | None
    fingerprint: dict[str, Any]
    code_version: str


def try_deployment(
    network: Network,
    splits: Splits,
    engine: Engine,
    exact_accuracy: float,
    budget_points: float,
    measure: Callable[[CompiledNetwork], Measurement],
    rule: TurnRule,
    artefact: Path,
    normalization: Normalization = IMAGENET,
) -> Deployment:
    """Compiles a trained network, saves it for deployment, and evaluates and measures the saved network.

    The accuracy is computed on every image of the test split, by the program of an export. The latency is that of the
    trained weights, because some runtimes depend on them. A precision that is not the engine's most exact one is
    measured interleaved with the next more exact one.

    Args:
        network: The trained network.
        splits: Its data: calibration uses images of the training split, evaluation the test split.
        engine: The engine with its precision.
        exact_accuracy: Top-1 accuracy of the network in torch, in fp32, on the test split, 0 to 1.
        budget_points: Accuracy that the low precision may lose, in percentage points.
        measure: Measures the compiled network.
        rule: How long two precisions of it are compared.
        artefact: Folder for the deployed network, see `tiernas.artefact`; written atomically, replacing an older one.
        normalization: Normalization of the network's input.

    Raises:
        UsageError: The folder cannot be written.
        TiernasError: The saved network does not reproduce the logits of the compiled one.
    """
    resolution = network.architecture.resolution
    wanted = Preprocessing(splits.test.image_size, resolution, normalization.mean, normalization.std)
    calibration = wanted.inputs(_pixels(calibration_draw(splits)))
    exact = engine.more_exact()
    try:
        artefact.parent.mkdir(parents=True, exist_ok=True)
        with owned_folder(".new-", artefact.parent) as temporary:
            path, new = temporary / "network.onnx", temporary / "artefact"
            new.mkdir()
            export_onnx(network, path, batch=engine.batch)
            with engine.compile(path, calibration) as compiled:
                accuracy = _save(compiled, new, splits, wanted)
                measured = measure(compiled) if compiled.can_run else None
                fingerprint = compiled.fingerprint.to_dict()
                advice = None
                if exact is not None:
                    with exact.compile(path, calibration) as other:
                        compared = other.anchor(graph_digest(path)).measure(compiled, rule).in_turn
                    assert compared is not None
                    low = PrecisionOption(engine.precision, accuracy.top1)
                    advice = advise(
                        low, PrecisionOption(exact.precision, exact_accuracy), compared, budget_points=budget_points
                    )
            shutil.rmtree(artefact, ignore_errors=True)
            new.rename(artefact)
    except OSError as error:
        raise UsageError(f"cannot write {artefact}: {error.strerror}; free space or change its permissions") from error
    recommended, reason = (advice.recommended, advice.reason) if advice else (True, "")
    if measured is None and engine.precision != _EXACT:
        low = PrecisionOption(engine.precision, accuracy.top1)
        exactly = PrecisionOption(_EXACT, exact_accuracy)
        recommended, reason = advise_unmeasured(low, exactly, budget_points=budget_points)
    latency, code = asdict(measured) if measured else None, code_version()
    return Deployment(accuracy.top1, recommended, reason, accuracy.class_mean, latency, fingerprint, code)


def _save(compiled: CompiledNetwork, folder: Path, splits: Splits, preprocessing: Preprocessing) -> Accuracy:
    """Saves a network with some test images, and computes the accuracy of the saved network on all of them."""
    deployed = begin_artefact(compiled, folder, preprocessing, splits.classes)
    test = splits.test
    rows = torch.split(torch.arange(len(test)), _PREPARED_IMAGES)
    logits = np.concatenate([deployed.logits(_pixels(test.images[part])) for part in rows])
    kept = _check_rows(test)
    pixels = _pixels(test.images[kept])
    end_artefact(folder, pixels, logits_to_check(compiled, logits[kept.numpy()], pixels, preprocessing))
    return accuracy_of(torch.from_numpy(logits.argmax(axis=1)), test.labels)


def _check_rows(images: ImageSet) -> torch.Tensor:
    """Rows of some images, `(n,)` int64, balanced over the classes; a function of the labels alone."""
    most = min(_CHECK_IMAGES, max(2, _CHECK_BYTES // (3 * images.image_size**2)), len(images))
    rng = np.random.default_rng(0)
    drawn = stratified(images.labels.numpy(), most, rng, leave=0)[0]
    return torch.from_numpy(np.sort(rng.permutation(drawn)[:most]))


def _pixels(images: torch.Tensor) -> Pixels:
    """`(n, 3, size, size)` uint8 images as `(n, size, size, 3)`."""
    return images.permute(0, 2, 3, 1).contiguous().numpy()
