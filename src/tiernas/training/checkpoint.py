"""Checkpoints of one training run: the last two epochs while it runs, its weights when it is complete."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from torch import Tensor

from tiernas.errors import UsageError
from tiernas.pretrained.training_files import CURRENT as CURRENT
from tiernas.pretrained.training_files import PREVIOUS as PREVIOUS
from tiernas.pretrained.training_files import WEIGHTS as WEIGHTS
from tiernas.pretrained.training_files import Identity as Identity
from tiernas.storage import read_tensors, write_tensors

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """The progress of a training run.

    Attributes:
        epoch: Number of completed epochs.
        train_loss: Mean loss of the last of them.
        duration_s: Time they took.
        validation_s: Time the validations after them took.
        epoch_losses: Mean loss of each epoch; without the first ones if the training run began before this was
            recorded.
    """

    epoch: int = 0
    train_loss: float = 0.0
    duration_s: float = 0.0
    validation_s: float = 0.0
    epoch_losses: tuple[float, ...] = ()


R = TypeVar("R", bound="DataclassInstance")
"""What a complete training run reports: a dataclass of plain values and tuples of them."""


class CheckpointFolder(Generic[R]):
    """The files of one training run.

    Every file is written completely before it replaces an older one, and the previous checkpoint is kept; so whenever a
    process dies, even if the last file is damaged, at most one epoch is lost.

    Args:
        folder: A folder for this training run alone.
        identity: What is trained.
        result: The class of its result.
    """

    def __init__(self, folder: Path, identity: Identity, result: type[R]) -> None:
        self._folder = folder
        self._identity = identity
        self._result = result

    def save(self, state: Mapping[str, Tensor], progress: TrainingProgress) -> None:
        """Saves the state after an epoch.

        Raises:
            UsageError: The folder cannot be written to, or the disk is full.
        """
        facts = {"identity": asdict(self._identity), "progress": asdict(progress)}
        write_tensors(self._folder / CURRENT, state, facts, keep_old_as=self._folder / PREVIOUS)

    def load(self, last_epoch: int) -> tuple[dict[str, Tensor], TrainingProgress] | None:
        """The newest undamaged state of this training run up to an epoch; None if there is none."""
        for name in (CURRENT, PREVIOUS):
            path = self._folder / name
            stored = _read(path, "progress", TrainingProgress)
            if stored is None:
                if path.exists():
                    _log.warning("%s is damaged; it is removed, and the checkpoint before it is used", path)
                    path.unlink()  # or the next checkpoint would push it into the place of the good one
                continue
            if self._is_ours(path, stored.identity) and stored.told.epoch <= last_epoch:
                return stored.tensors, stored.told
        return None

    def finish(self, weights: Mapping[str, Tensor], result: R) -> None:
        """Saves the weights and the result, and removes the checkpoints, which are several times as large.

        Raises:
            UsageError: The folder cannot be written to, the disk is full, or what was written cannot be read back.
        """
        facts = {"identity": asdict(self._identity), "result": asdict(result)}
        path = self._folder / WEIGHTS
        write_tensors(path, weights, facts)
        if self.result() is None:
            raise UsageError(f"{path}: what was written cannot be read back; check the disk")
        self.remove_checkpoints()

    def result(self) -> R | None:
        """The result of this training run if it is complete and its weights are undamaged."""
        path = self._folder / WEIGHTS
        stored = _read(path, "result", self._result)
        if stored is None:
            if path.exists():
                _log.warning("%s is damaged; training resumes from the remaining checkpoints", path)
            return None
        return stored.told if self._is_ours(path, stored.identity) else None

    def remove_checkpoints(self) -> None:
        """Removes the checkpoints, which are useless once the weights are complete and undamaged."""
        for name in (CURRENT, PREVIOUS):
            (self._folder / name).unlink(missing_ok=True)

    def _is_ours(self, path: Path, identity: Identity) -> bool:
        if identity == self._identity:
            return True
        _log.warning("%s belongs to another architecture, recipe, data set or seed; it is not used", path)
        return False


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Stored(Generic[T]):
    tensors: dict[str, Tensor]
    identity: Identity
    told: T


def _read(path: Path, key: str, kind: type[T]) -> _Stored[T] | None:
    """A file of a training run; None if it is missing, damaged, or another kind of file."""
    if (stored := read_tensors(path)) is None:
        return None
    tensors, facts = stored
    try:
        told: dict[str, Any] = {
            n: tuple(value) if isinstance(value, list) else value for n, value in facts[key].items()
        }
        return _Stored(tensors, Identity.of(facts), kind(**told))
    except (KeyError, TypeError, AttributeError):
        return None
