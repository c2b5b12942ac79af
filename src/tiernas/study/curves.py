"""Learning curves for TensorBoard: a folder of scalars per training run, one step per epoch."""

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
    "validation_cross_entropy": "loss/validation",
    "learning_rate": "learning_rate",
    "images_per_s": "images_per_s",
}
"""Names of an epoch's metrics in TensorBoard; the part before the slash is the chart group."""

_log = logging.getLogger(__name__)


class Curves:
    """Writes the metrics of epochs; a context manager that closes all files at the end.

    The server writes them, so that they are in one folder wherever candidates are trained. A resumed training run opens
    another file and removes what was written for epochs that it repeats: no epoch is shown twice. A disk that is full
    or gone ends the curves, not the search.

    Args:
        folder: The folder for `tensorboard --logdir`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, SummaryWriter] = {}
        self._works = True

    def add(self, name: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Adds an epoch to the curves of a training run, visible at once.

        Args:
            name: Name of the training run; slashes make folders.
            epoch: Number of completed epochs.
            metrics: As in `EpochDone`; unknown ones are ignored.
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
        """Closes the files of a training run; does nothing if none are open."""
        try:
            if (writer := self._open.pop(name, None)) is not None:
                writer.close()
        except OSError as error:
            self._give_up(error)

    def _writer(self, name: str, first_epoch: int) -> SummaryWriter:
        from torch.utils.tensorboard import SummaryWriter  # takes a second, which other commands avoid

        return SummaryWriter(str(self._folder / name), purge_step=first_epoch)

    def _give_up(self, error: OSError) -> None:
        if self._works:
            self._works = False
            _log.warning("cannot write learning curves to %s: %s; training continues without them", self._folder, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for name in list(self._open):
            self.end(name)
