"""`train_detector`: from a backbone and images with boxes to weights and COCO's measure."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from tiernas.detection.augmentation import BoxAugmentation
from tiernas.detection.average_precision import AveragePrecision, require_pycocotools
from tiernas.detection.backbone import Features
from tiernas.detection.data import DetectionData
from tiernas.detection.detector import Design, Detector
from tiernas.detection.evaluation import evaluate
from tiernas.detection.recipe import DetectionRecipe
from tiernas.errors import UsageError
from tiernas.storage import checksum_of, read_tensors
from tiernas.training import TrainingDiverged
from tiernas.training.checkpoint import WEIGHTS, CheckpointFolder, Identity, TrainingProgress
from tiernas.training.memory import peak_memory_mb
from tiernas.training.optimization import learning_rate_at, make_optimizer
from tiernas.training.precision import autocast
from tiernas.training.preprocessing import normalize
from tiernas.training.seeding import SeedPurpose, derived_seed
from tiernas.training.state import OptimizedModule


@dataclass(frozen=True, slots=True)
class DetectionReport:
    """Progress after an epoch, once its checkpoint is saved.

    Attributes:
        epoch: Number of completed epochs.
        epochs: Epochs of the whole training run.
        train_loss: Mean loss of the epoch.
        validation: COCO's measure on the validation split.
        images_per_s: Training images per second of the epoch.
        peak_memory_mb: Peak memory so far: on CPU of the process, on a GPU of torch.
    """

    epoch: int
    epochs: int
    train_loss: float
    validation: AveragePrecision
    images_per_s: float
    peak_memory_mb: float


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """Result of a complete training run.

    Attributes:
        validation: `AveragePrecision` on the validation split, as plain values.
        epochs: Epochs trained.
        train_loss: Mean loss of the last epoch.
        duration_s: Duration of the epochs over all attempts, including validation.
        images_per_s: Training images (augmented, forward, backward, update) per second of the epochs.
        peak_memory_mb: Peak memory: on CPU of the process since its start, on a GPU of torch.
        recipe_digest: `DetectionRecipe.digest`.
        data_digest: `DetectionData.digest`.
        seed: Seed of heads, order and augmentation.
        epoch_losses: Mean loss of each epoch.
    """

    validation: Mapping[str, Any]
    epochs: int
    train_loss: float
    duration_s: float
    images_per_s: float
    peak_memory_mb: float
    recipe_digest: str
    data_digest: str
    seed: int
    epoch_losses: tuple[float, ...]


def train_detector(
    features: Features,
    design: Design,
    data: DetectionData,
    recipe: DetectionRecipe,
    *,
    seed: int,
    checkpoint_dir: Path,
    on_epoch: Callable[[DetectionReport], None] | None = None,
    device: str | torch.device = "cpu",
) -> DetectionResult:
    """Trains a detector on the training split and measures it on the validation split after every epoch.

    Called again with the same arguments and folder after an interruption, it resumes after the last complete epoch; on
    one CPU thread the weights are then bitwise those of an uninterrupted training run. Called again after completion,
    it returns the same result at once. The state of torch's global random generator does not change.

    Args:
        features: The backbone with its first weights; changed in place.
        design: What the detector consists of besides it.
        data: The images, decoded to `design.image_size`.
        recipe: How to train.
        seed: Seed of the heads, the order of the images and augmentation; not negative.
        checkpoint_dir: A folder for this training run alone. In the end it contains the weights, for
            `trained_detector`.
        on_epoch: Called after every epoch, once its checkpoint is saved.
        device: The device to train on.

    Raises:
        TrainingDiverged: The loss is infinite or not a number.
        UsageError: `checkpoint_dir` cannot be written to, the disk is full, the batch size exceeds the training split,
            or the backbone does not fit the design.
        NotInstalledError: pycocotools is not installed.
    """
    require_pycocotools()
    if recipe.batch_size > len(data.train):
        raise UsageError(
            f"recipe.batch_size = {recipe.batch_size}: there are only {len(data.train)} training images; lower it"
        )
    folder = CheckpointFolder(checkpoint_dir, _identity(features, design, data, recipe, seed), DetectionResult)
    if (complete := folder.result()) is not None:
        folder.remove_checkpoints()  # a killed process may have left them
        return complete
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(derived_seed(seed, SeedPurpose.WEIGHTS))
        detector = Detector(features, design).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = make_optimizer(detector, recipe, detector.features.parameters())
        state = OptimizedModule(detector, optimizer, recipe.ema_decay, clip_norm=recipe.clip_norm)
        progress, validation = TrainingProgress(), None
        if (stored := folder.load(recipe.epochs)) is not None:
            state.restore(stored[0])
            progress = stored[1]
            del stored
        while progress.epoch < recipe.epochs:
            started_s = time.perf_counter()
            loss = _train_epoch(state, detector, data, recipe, seed=seed, epoch=progress.epoch)
            trained_s = time.perf_counter()
            validation = _validated(state, data, recipe)
            progress = TrainingProgress(
                progress.epoch + 1,
                loss,
                progress.duration_s + trained_s - started_s,
                progress.validation_s + time.perf_counter() - trained_s,
                (*progress.epoch_losses, loss),
            )
            folder.save(state.tensors(), progress)
            if on_epoch is not None:
                images_per_s = len(data.train) / (trained_s - started_s)
                memory_mb = peak_memory_mb(device)
                on_epoch(DetectionReport(progress.epoch, recipe.epochs, loss, validation, images_per_s, memory_mb))
        if validation is None:  # it was interrupted after its last epoch
            validation = _validated(state, data, recipe)
    result = DetectionResult(
        validation=validation.to_dict(),
        epochs=progress.epoch,
        train_loss=progress.train_loss,
        duration_s=progress.duration_s + progress.validation_s,
        images_per_s=progress.epoch * len(data.train) / progress.duration_s,
        peak_memory_mb=peak_memory_mb(device),
        recipe_digest=recipe.digest,
        data_digest=data.digest,
        seed=seed,
        epoch_losses=progress.epoch_losses,
    )
    folder.finish(state.resulting.state_dict(), result)
    return result


def trained_detector(features: Features, design: Design, checkpoint_dir: Path) -> Detector:
    """The detector that `train_detector` left in a folder, in evaluation mode, on CPU.

    Args:
        features: Its backbone; the weights are replaced.
        design: What it consists of besides it.
        checkpoint_dir: The folder.

    Raises:
        UsageError: The training run is not complete, or was one of another detector.
    """
    path = checkpoint_dir / WEIGHTS
    stored = read_tensors(path)
    if stored is None:
        what = "is damaged" if path.exists() else "does not exist"
        raise UsageError(f"no trained detector: {path} {what}; train it with: tiernas detect train")
    detector = Detector(features, design)
    try:
        detector.load_state_dict(stored[0])
    except RuntimeError as error:
        raise UsageError(
            f"no trained detector: {path} belongs to another one; write the detector of that training run, or train "
            "this one into another study.output"
        ) from error
    return detector.to(memory_format=torch.channels_last).eval()


def _train_epoch(
    state: OptimizedModule,
    detector: Detector,
    data: DetectionData,
    recipe: DetectionRecipe,
    *,
    seed: int,
    epoch: int,
) -> float:
    """Trains for one epoch; the result depends on the state and the arguments alone. Returns the mean loss."""
    device = detector.anchors.device
    generator = torch.Generator().manual_seed(derived_seed(seed, SeedPurpose.IMAGES, epoch))
    torch.manual_seed(derived_seed(seed, SeedPurpose.LAYERS, epoch))
    augment = BoxAugmentation(recipe, detector.design.image_size)
    images_count = len(data.train)
    batches = torch.randperm(images_count, generator=generator).tensor_split(
        math.ceil(images_count / recipe.batch_size)
    )
    first_step, total_steps, loss_sum = epoch * len(batches), recipe.epochs * len(batches), 0.0
    detector.train()
    for step, rows in enumerate(batches, first_step):
        images, targets = augment(*data.train.batch(rows))
        shown = [{key: tensor.to(device) for key, tensor in target.items()} for target in targets]
        with autocast(recipe.precision, device):
            loss = detector.loss(normalize(images.to(device), recipe.normalization), shown)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingDiverged("the loss is not a finite number", epoch=epoch + 1, step=step + 1, loss=value)
        state.update(loss, learning_rate_at(step, total_steps, recipe))
        loss_sum += value * len(rows)
    mean = loss_sum / images_count
    if not state.is_finite():
        step = first_step + len(batches)
        raise TrainingDiverged("a weight is not a finite number", epoch=epoch + 1, step=step, loss=mean)
    return mean


def _validated(state: OptimizedModule, data: DetectionData, recipe: DetectionRecipe) -> AveragePrecision:
    detector = state.resulting
    assert isinstance(detector, Detector)
    return evaluate(detector, data.validation, recipe.normalization)


def _identity(features: Features, design: Design, data: DetectionData, recipe: DetectionRecipe, seed: int) -> Identity:
    """What identifies a training run: with the weights that the backbone starts with."""
    start = checksum_of(features.state_dict(), {})[:16]
    described = json.dumps({"detector": asdict(design), "backbone": features.architecture, "start": start})
    mean, std = recipe.input_mean, recipe.input_std
    return Identity(described, data.classes, recipe.digest, data.digest, seed, mean, std)
