"""What a training reports: after every epoch, and at its end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EpochReport:
    """Progress after an epoch, once its checkpoint is safe.

    Attributes:
        epoch: Epochs that are done.
        epochs: Epochs of the whole training.
        train_loss: Mean loss of the epoch.
        duration_s: Of the training so far, over all attempts.
    """

    epoch: int
    epochs: int
    train_loss: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Outcome of a training that is complete, or paused where it was asked to.

    Attributes:
        accuracy: Top-1 on the validation part, in 0 ... 1, after the last epoch that was trained.
        epochs: Epochs trained; those of the recipe if it is complete.
        train_loss: Mean loss of the last epoch.
        duration_s: The epochs over all attempts, and the validation; without loading data.
        images_per_s: Training images (augmented, forward, backward, update) per second of the epochs.
        peak_memory_mb: Most memory held: on CPU by the process since its start, on a GPU by the training.
        recipe_digest: `RecipeConfig.digest`, with the epochs of the complete training.
        data_digest: `Splits.digest`.
        seed: Seed of weights, order, augmentation and dropout.
        teacher_accuracy: Top-1 of the teacher on validation images, in 0 ... 1; None without a teacher.
    """

    accuracy: float
    epochs: int
    train_loss: float
    duration_s: float
    images_per_s: float
    peak_memory_mb: float
    recipe_digest: str
    data_digest: str
    seed: int
    teacher_accuracy: float | None = None
