"""What training reports: after every epoch, and at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class EpochReport:
    """Progress after an epoch, once its checkpoint is saved.

    Attributes:
        epoch: Number of completed epochs.
        epochs: Epochs of the whole training run.
        train_loss: Mean loss of the epoch.
        duration_s: Duration of the training run so far, over all attempts, including validation.
        train_accuracy: Top-1 on the training images of the epoch, augmented, while the weights changed; in 0 ... 1.
        validation_accuracy: Top-1 on the validation split after the epoch, in 0 ... 1; except in the last epoch only
            on a stratified sample, a tenth as many as training images.
        validation_cross_entropy: Mean cross-entropy with the labels on the same images, in nats.
        learning_rate: Learning rate of the last step.
        images_per_s: Training images per second of the epoch.
    """

    epoch: int
    epochs: int
    train_loss: float
    duration_s: float
    train_accuracy: float
    validation_accuracy: float
    validation_cross_entropy: float
    learning_rate: float
    images_per_s: float

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of this epoch."""
        return {key: value for key, value in asdict(self).items() if key not in ("epoch", "epochs", "duration_s")}


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Result of a training run that is complete, or paused on request.

    Attributes:
        accuracy: Top-1 on the validation split, in 0 ... 1, after the last trained epoch.
        epochs: Epochs trained; those of the recipe if it is complete.
        train_loss: Mean loss of the last epoch.
        duration_s: Duration of the epochs over all attempts, including validation, without loading data.
        images_per_s: Training images (augmented, forward, backward, update) per second of the epochs.
        peak_memory_mb: Peak memory: on CPU of the process since its start, on a GPU of this training run.
        recipe_digest: `RecipeConfig.digest`, with the epochs of the complete training run.
        data_digest: `Splits.digest`.
        seed: Seed of weights, order, augmentation and dropout.
        teacher_accuracy: Top-1 of the teacher on validation images, in 0 ... 1; None without a teacher.
        class_mean_accuracy: The mean over the classes of each one's accuracy on validation images, in 0 ... 1; None in
            results from before this was recorded.
        validation_cross_entropy: Mean cross-entropy with the labels on validation images, in nats; None in such
            results.
        epoch_losses: Mean training loss of each epoch, the last one last; in training runs that began before this was
            recorded, without the first epochs.
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
    validation_cross_entropy: float | None = None
    epoch_losses: tuple[float, ...] = ()
