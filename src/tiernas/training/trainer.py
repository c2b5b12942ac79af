"""`train`: from an architecture and images to weights and an accuracy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from tiernas.spaces import Architecture
from tiernas.training.beginning import first_weights, opened_start, starting_from
from tiernas.training.checkpoint import CheckpointFolder, Identity, TrainingProgress
from tiernas.training.epoch import EpochStatistics, require_batch, steps_per_epoch, train_epoch
from tiernas.training.group import ALONE, Group
from tiernas.training.images import Splits
from tiernas.training.memory import peak_memory_mb
from tiernas.training.mixing import Mixing
from tiernas.training.preparation import make_preparation
from tiernas.training.progression import require_growing, resolution_at
from tiernas.training.recipe import RecipeConfig
from tiernas.training.result import EpochReport, TrainingResult
from tiernas.training.seeding import SeedPurpose, derived_seed
from tiernas.training.state import TrainingState
from tiernas.training.teachers import Teacher, prepare_teacher
from tiernas.training.validation import Validation, validate


def train(
    architecture: Architecture,
    splits: Splits,
    recipe: RecipeConfig,
    *,
    seed: int,
    checkpoint_dir: Path,
    cache_dir: Path | None = None,
    epochs: int | None = None,
    stop_epoch: int | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    device: str | torch.device = "cpu",
    group: Group = ALONE,
) -> TrainingResult:
    """Trains a network on the training split and evaluates it on the validation split.

    Called again with the same arguments and folder after an interruption, it resumes after the last complete epoch; on
    one CPU thread the weights are then bitwise those of an uninterrupted training run. Called again after completion,
    it returns the same result at once.

    Uses as many threads as torch is set to; the state of torch's global random generator does not change.

    Args:
        architecture: The network.
        splits: The images; the test split is not used.
        recipe: How to train.
        seed: Seed of the weights, the order of the images, augmentation and dropout; not negative.
        checkpoint_dir: A folder for this training run alone; created if missing. In the end it contains the weights,
            for `load_trained`.
        cache_dir: A folder that training runs share: it has the network that they start from, if the recipe names it by
            a digest, and gets a teacher that must first learn the classes of the data. If None, `checkpoint_dir`: every
            training run has its own.
        epochs: Train for this many epochs instead of `recipe.epochs`.
        stop_epoch: Pause after this many epochs in all, with the learning rates of the whole training run; called again
            without it, or with a later one, training resumes as if it had never paused. The result is that of the
            network after exactly this many epochs: a training run that is further along already is repeated from an
            earlier checkpoint, or from its beginning. No weights are left for `load_trained`.
        on_epoch: Called after every epoch, once it is validated and its checkpoint is saved; an exception from it ends
            training, which can be resumed.
        device: The device to train on.
        group: The processes that train this network together; see `train_distributed`, which sets it up.

    Raises:
        TrainingDiverged: The loss is infinite, not a number, or hopelessly large.
        UsageError: `checkpoint_dir` cannot be written to, the disk is full, the batch size exceeds the training split,
            the recipe has a teacher that cannot teach this, a start that cannot be opened, or growing images for a
            network of one size.
        NotInstalledError: The package of the teacher is not installed.
        ValueError: `stop_epoch` is not an epoch of the training run.
    """
    if epochs is not None:
        recipe = RecipeConfig(**recipe.model_dump() | {"epochs": epochs})
    stop_epoch = recipe.epochs if stop_epoch is None else stop_epoch
    if not 1 <= stop_epoch <= recipe.epochs:
        raise ValueError(f"stop_epoch = {stop_epoch}: must be 1 to {recipe.epochs}")
    require_batch(len(splits.train), recipe)
    require_growing(architecture, recipe)
    shared = cache_dir or checkpoint_dir
    parent = opened_start(recipe)
    recipe = starting_from(recipe, parent)
    group.require_images(len(splits.train) // steps_per_epoch(len(splits.train), recipe), recipe.batch_size)
    identity = Identity(
        architecture.to_json(),
        splits.classes,
        recipe.digest,
        splits.digest,
        seed,
        recipe.input_mean,
        recipe.input_std,
    )
    folder = CheckpointFolder(checkpoint_dir, identity, TrainingResult)
    if stop_epoch == recipe.epochs and (complete := folder.result()) is not None:
        if group.is_first:
            folder.remove_checkpoints()  # a killed process may have left them
        return complete
    device = torch.device(device)
    teacher = _teacher(recipe, splits, architecture.resolution, shared, device)
    tensors, progress = _last_checkpoint(folder, group, stop_epoch)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(derived_seed(seed, SeedPurpose.WEIGHTS))
        begin = first_weights(splits, recipe, shared, parent) if tensors is None else None
        state = TrainingState(architecture, len(splits.classes), recipe, device, begin)
        if tensors is not None:
            state.restore(tensors)
        del tensors, begin  # as large as the state itself
        state.share_gradients(group)
        validation: Validation | None = None
        while progress.epoch < stop_epoch:
            epoch = train_epoch(
                state,
                splits,
                recipe,
                resolution_at(progress.epoch, recipe, architecture.resolution),
                seed=seed,
                epoch=progress.epoch,
                teacher=teacher,
                group=group,
            )
            whole = progress.epoch + 1 == stop_epoch
            validation = validate(state, splits, architecture.resolution, group, whole=whole)
            progress = TrainingProgress(
                progress.epoch + 1,
                epoch.loss,
                progress.duration_s + epoch.duration_s,
                progress.validation_s + validation.duration_s,
                (*progress.epoch_losses, epoch.loss),
            )
            if group.is_first:
                folder.save(state.tensors(), progress)
            if group.is_first and on_epoch is not None:
                images_per_s = len(splits.train) / epoch.duration_s
                on_epoch(_report(recipe, progress, epoch, validation, images_per_s))
    if validation is None:  # it was interrupted after its last epoch
        validation = validate(state, splits, architecture.resolution, group, whole=True)
    result = TrainingResult(
        accuracy=validation.accuracy.top1,
        epochs=progress.epoch,
        train_loss=progress.train_loss,
        duration_s=progress.duration_s + progress.validation_s,
        images_per_s=progress.epoch * len(splits.train) / progress.duration_s,
        peak_memory_mb=peak_memory_mb(device),
        recipe_digest=recipe.digest,
        data_digest=splits.digest,
        seed=seed,
        teacher_accuracy=None if teacher is None else teacher.accuracy,
        class_mean_accuracy=validation.accuracy.class_mean,
        validation_cross_entropy=validation.cross_entropy,
        epoch_losses=progress.epoch_losses,
    )
    if progress.epoch == recipe.epochs and group.is_first:
        folder.finish(state.resulting.state_dict(), result)
    group.wait()
    return result


def _report(
    recipe: RecipeConfig,
    progress: TrainingProgress,
    epoch: EpochStatistics,
    validation: Validation,
    images_per_s: float,
) -> EpochReport:
    return EpochReport(
        epoch=progress.epoch,
        epochs=recipe.epochs,
        train_loss=epoch.loss,
        duration_s=progress.duration_s + progress.validation_s,
        train_accuracy=epoch.accuracy,
        validation_accuracy=validation.accuracy.top1,
        validation_cross_entropy=validation.cross_entropy,
        learning_rate=epoch.learning_rate,
        images_per_s=images_per_s,
    )


def _teacher(
    recipe: RecipeConfig, splits: Splits, resolution: int, cache_dir: Path, device: torch.device
) -> Teacher | None:
    if recipe.teacher is None:
        return None
    prepared = make_preparation(recipe, splits, resolution).changes_images
    mixed = Mixing(recipe.mixup_alpha, recipe.cutmix_alpha).changes_images
    images_change = prepared or mixed or recipe.start_scale < 1
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        return prepare_teacher(
            recipe.teacher,
            splits,
            resolution,
            cache_dir,
            device,
            images_change=images_change,
            normalization=recipe.normalization,
        )


def _last_checkpoint(
    folder: CheckpointFolder[TrainingResult], group: Group, stop_epoch: int
) -> tuple[dict[str, Tensor] | None, TrainingProgress]:
    """The last state that is not beyond the end; None, and no progress, if there is none.

    The first process removes damaged ones before the others look.
    """
    if not group.is_first:
        group.wait()
    stored = folder.load(stop_epoch)
    if group.is_first:
        group.wait()
    return (None, TrainingProgress()) if stored is None else stored
