"""Checkpoints of one training: the last two epochs while it runs, its weights when it is complete."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from torch import Tensor

from tiernas.errors import UsageError
from tiernas.storage import read_tensors, write_tensors
from tiernas.training.result import TrainingResult

CURRENT = "checkpoint.safetensors"
PREVIOUS = "checkpoint.previous.safetensors"
WEIGHTS = "weights.safetensors"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a training is a training of; a checkpoint of any other is not continued.

    Attributes:
        architecture: `Architecture.to_json()`.
        classes: Names of the classes, in the order of the logits.
        recipe_digest: `RecipeConfig.digest`.
        data_digest: `Splits.digest`.
        seed: Seed of the training.
    """

    architecture: str
    classes: tuple[str, ...]
    recipe_digest: str
    data_digest: str
    seed: int

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """The identity that a file tells."""
        known = facts["identity"]
        return cls(**{**known, "classes": tuple(known["classes"])})


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a training has come.

    Attributes:
        epoch: Epochs that are done.
        train_loss: Mean loss of the last of them.
        duration_s: Time they took.
        validation_s: Time that the validations after them took.
    """

    epoch: int = 0
    train_loss: float = 0.0
    duration_s: float = 0.0
    validation_s: float = 0.0


class CheckpointFolder:
    """The files of one training.

    Every file is written whole before it takes the place of an older one, and the one before the last is kept; so
    whenever a process dies, even if the last file is damaged, at most one epoch is lost.

    Args:
        folder: Of this training alone.
        identity: What is trained.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder
        self._identity = identity

    def save(self, state: Mapping[str, Tensor], progress: TrainingProgress) -> None:
        """Keeps the state after an epoch.

        Raises:
            UsageError: The folder cannot be written to, or the disk is full.
        """
        facts = {"identity": asdict(self._identity), "progress": asdict(progress)}
        write_tensors(self._folder / CURRENT, state, facts, keep_old_as=self._folder / PREVIOUS)

    def load(self, last_epoch: int) -> tuple[dict[str, Tensor], TrainingProgress] | None:
        """The newest state of this training that is whole and not beyond an epoch; None if there is none."""
        for name in (CURRENT, PREVIOUS):
            path = self._folder / name
            stored = _read(path, "progress", TrainingProgress)
            if stored is None:
                if path.exists():
                    _log.warning("%s is damaged; it is removed, and the checkpoint before it is used", path)
                    path.unlink()  # or the next one written would push it into the place of the good one
                continue
            if self._is_ours(path, stored.identity) and stored.told.epoch <= last_epoch:
                return stored.tensors, stored.told
        return None

    def finish(self, weights: Mapping[str, Tensor], result: TrainingResult) -> None:
        """Keeps the weights and the result, and removes the checkpoints, which are several times as large.

        Raises:
            UsageError: The folder cannot be written to, the disk is full, or it does not give back what is written.
        """
        facts = {"identity": asdict(self._identity), "result": asdict(result)}
        path = self._folder / WEIGHTS
        write_tensors(path, weights, facts)
        if self.result() is None:
            raise UsageError(f"{path}: what was written cannot be read back; look at the disk")
        self.remove_checkpoints()

    def result(self) -> TrainingResult | None:
        """The result of this training if it is complete and its weights are whole."""
        path = self._folder / WEIGHTS
        stored = _read(path, "result", TrainingResult)
        if stored is None:
            if path.exists():
                _log.warning("%s is damaged; the training goes on from what else is there", path)
            return None
        return stored.told if self._is_ours(path, stored.identity) else None

    def remove_checkpoints(self) -> None:
        """Removes the checkpoints, of which a training whose weights are whole has no use."""
        for name in (CURRENT, PREVIOUS):
            (self._folder / name).unlink(missing_ok=True)

    def _is_ours(self, path: Path, identity: Identity) -> bool:
        if identity == self._identity:
            return True
        _log.warning("%s is of another architecture, recipe, data or seed; it is not used", path)
        return False


T = TypeVar("T", TrainingProgress, TrainingResult)


@dataclass(frozen=True, slots=True)
class _Stored(Generic[T]):
    tensors: dict[str, Tensor]
    identity: Identity
    told: T


def _read(path: Path, key: str, kind: type[T]) -> _Stored[T] | None:
    """A file of a training; None where it is missing, damaged, or not one."""
    if (stored := read_tensors(path)) is None:
        return None
    tensors, facts = stored
    try:
        return _Stored(tensors, Identity.of(facts), kind(**facts[key]))
    except (KeyError, TypeError, AttributeError):
        return None
