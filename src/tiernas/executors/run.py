"""`run`: from a job to its events. All workers use it, however they get their jobs."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

from tiernas.errors import TiernasError
from tiernas.executors.executor import EpochDone, Event, Finished, Job, Paused
from tiernas.executors.fault import ended_by
from tiernas.executors.mirror import CheckpointMirror, is_url
from tiernas.executors.seat import Seat
from tiernas.plain import plain_text
from tiernas.spaces import architecture_from_json
from tiernas.training import (
    DataConfig,
    EpochReport,
    RecipeConfig,
    Splits,
    TrainingResult,
    accuracy_of,
    load_data,
    predict,
    train,
    train_distributed,
)
from tiernas.training.trained import load_classifier

Send = Callable[[Event], None]


def cached_splits(job: Job) -> Splits:
    """The data set of a job; read once per process."""
    return _splits(json.dumps(job.data), job.cache_dir)


def run(
    job: Job,
    send: Send,
    *,
    load: Callable[[Job], Splits] = cached_splits,
    device: str = "cpu",
    seat: Seat | None = None,
) -> None:
    """Trains one candidate and sends its events.

    Args:
        job: The training run.
        send: Called with each event, in order.
        load: Returns the data set.
        device: The device to train on, as torch names it.
        seat: The place of this process among those that train the candidate together; None if it is alone. Only the
            first sends the end of every epoch and the result beyond the accuracy.
    """
    try:
        end: Event = _train(job, send, load, device, seat)
    except Exception as error:  # whatever it is, it must end only this attempt, with its reason
        if not isinstance(error, TiernasError):
            sys.stderr.write(plain_text(traceback.format_exc()))
        end = ended_by(error, job.id)
    send(end)


def _train(job: Job, send: Send, load: Callable[[Job], Splits], device: str, seat: Seat | None) -> Paused | Finished:
    splits = load(job)
    architecture = architecture_from_json(job.architecture)
    recipe = RecipeConfig.model_validate(job.recipe)
    with _checkpoints(job, seat) as checkpoints:

        def epoch_done(report: EpochReport) -> None:
            checkpoints.save(report.epoch)
            send(EpochDone(job.id, report.epoch, report.metrics))

        trained = _trainer(seat)(
            architecture,
            splits,
            recipe,
            seed=job.seed,
            checkpoint_dir=checkpoints.folder,
            cache_dir=Path(job.cache_dir),
            stop_epoch=job.stop_epoch,
            on_epoch=epoch_done,
            device=device,
        )
        if trained.epochs < recipe.epochs:
            return Paused(job.id, trained.epochs, trained.accuracy)
        checkpoints.finish()
        result = asdict(trained)
        if job.test and (seat is None or seat.rank == 0):
            network, identity = load_classifier(checkpoints.folder)
            predicted = predict(network, splits.test, architecture.resolution, normalization=identity.normalization)
            found = accuracy_of(predicted, splits.test.labels)
            result |= {"test_accuracy": found.top1, "test_class_mean_accuracy": found.class_mean}
        return Finished(job.id, trained.accuracy, result)


class _LocalFolder:
    """Checkpoints that stay where training writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, epochs: int) -> None:
        pass

    def finish(self) -> None:
        pass


def _trainer(seat: Seat | None) -> Callable[..., TrainingResult]:
    if seat is None:
        return train
    return partial(train_distributed, rank=seat.rank, world_size=seat.size, init_method=seat.rendezvous)


def _checkpoints(job: Job, seat: Seat | None) -> AbstractContextManager[_LocalFolder | CheckpointMirror]:
    place, last_epoch = job.checkpoint_dir, job.stop_epoch
    if not is_url(place):
        return nullcontext(_LocalFolder(Path(place)))
    if seat is None:
        return CheckpointMirror(place, last_epoch=last_epoch)
    if seat.rank == 0:
        return CheckpointMirror(place, seat.checkpoints, last_epoch=last_epoch)
    return nullcontext(_LocalFolder(seat.checkpoints))


@cache
def _splits(data: str, cache_dir: str) -> Splits:
    return load_data(DataConfig.model_validate_json(data), cache_dir=Path(cache_dir), tell=False)
