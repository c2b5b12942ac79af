"""What a training reports: after every epoch, and at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class EpochReport:
    """Progress after an epoch, once its checkpoint is safe.

    Attributes:
        epoch: Epochs that are done.
        epochs: Epochs of the whole training.
        train_loss: Mean loss of the epoch.
        duration_s: Of the training so far, over all attempts, with its validations.
        train_accuracy: Top-1 on the training images of the epoch, augmented, while the weights changed; in 0 ... 1.
        validation_accuracy: Top-1 on the validation part after the epoch, in 0 ... 1; on evenly spaced images of it, a
            tenth as many as training images, unless this is the last epoch.
        learning_rate: Of the last step.
        images_per_s: Training images per second of the epoch.
    """

    epoch: int
    epochs: int
    train_loss: float
    duration_s: float
    train_accuracy: float
    validation_accuracy: float
    learning_rate: float
    images_per_s: float

    @property
    def metrics(self) -> dict[str, float]:
        """The figures of the epoch alone."""
        return {key: value for key, value in asdict(self).items() if key not in ("epoch", "epochs", "duration_s")}


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Outcome of a training that is complete, or paused where it was asked to.

    Attributes:
        accuracy: Top-1 on the validation part, in 0 ... 1, after the last epoch that was trained.
        epochs: Epochs trained; those of the recipe if it is complete.
        train_loss: Mean loss of the last epoch.
        duration_s: The epochs over all attempts, and their validations; without loading data.
        images_per_s: Training images (augmented, forward, backward, update) per second of the epochs.
        peak_memory_mb: Most memory held: on CPU by the process since its start, on a GPU by the training.
        recipe_digest: `RecipeConfig.digest`, with the epochs of the complete training.
        data_digest: `Splits.digest`.
        seed: Seed of weights, order, augmentation and dropout.
        teacher_accuracy: Top-1 of the teacher on validation images, in 0 ... 1; None without a teacher.
        class_mean_accuracy: The mean over the classes of the accuracy on validation images of each, in 0 ... 1; None in
            results that are older than this figure.
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
    class_mean_accuracy: float | None = None
