"""Learning curves for TensorBoard: a folder of scalars per training, one step per epoch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_TAGS = {
    "train_loss": "loss/train",
    "train_accuracy": "accuracy/train",
    "validation_accuracy": "accuracy/validation",
    "learning_rate": "learning_rate",
    "images_per_s": "images_per_s",
}
"""What TensorBoard calls the metrics of an epoch; what stands before a slash is its chart group."""

_log = logging.getLogger(__name__)


class Curves:
    """Writes what trainings report of their epochs; a context manager that closes all files at the end.

    The server writes them, so that they lie in one folder wherever the trainings run. A training that continues opens
    another file and takes back what was written of epochs that it does again: no epoch is shown twice. A disk that is
    full or gone ends the curves, not the search.

    Args:
        folder: What `tensorboard --logdir` shows.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, SummaryWriter] = {}
        self._works = True

    def add(self, name: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Adds an epoch to the curves of a training, to be seen at once.

        Args:
            name: Of the training; slashes make folders.
            epoch: Epochs that are done.
            metrics: As `EpochDone` has them; others than known ones are left out.
        """
        if not self._works or not metrics:
            return
        try:
            if name not in self._open:
                self._open[name] = self._writer(name, epoch)
            for key, tag in _TAGS.items():
                if key in metrics:
                    self._open[name].add_scalar(tag, metrics[key], epoch)
            self._open[name].flush()
        except OSError as error:
            self._give_up(error)

    def end(self, name: str) -> None:
        """Closes the files of a training; nothing happens where none are open."""
        try:
            if (writer := self._open.pop(name, None)) is not None:
                writer.close()
        except OSError as error:
            self._give_up(error)

    def _writer(self, name: str, first_epoch: int) -> SummaryWriter:
        from torch.utils.tensorboard import SummaryWriter  # takes a second, which other commands need not wait for

        return SummaryWriter(str(self._folder / name), purge_step=first_epoch)

    def _give_up(self, error: OSError) -> None:
        if self._works:
            self._works = False
            _log.warning("cannot write learning curves to %s: %s; the search goes on without them", self._folder, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for name in list(self._open):
            self.end(name)
