"""`run`: one job to its events. Every worker does its jobs with it, however they reach it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import cache
from pathlib import Path

from tiernas.errors import UsageError
from tiernas.executors.executor import Blocked, EpochDone, Event, Failed, Finished, Job, Paused
from tiernas.executors.mirror import CheckpointMirror, is_url
from tiernas.spaces import Architecture
from tiernas.training import (
    DataConfig,
    RecipeConfig,
    Splits,
    TrainingDiverged,
    evaluate,
    load_data,
    load_trained,
    train,
)

Send = Callable[[Event], None]


def cached_splits(job: Job) -> Splits:
    """The data set of a job; read once per process."""
    return _splits(json.dumps(job.data), job.cache_dir)


def run(job: Job, send: Send, *, load: Callable[[Job], Splits] = cached_splits, device: str = "cpu") -> None:
    """Trains one candidate and sends its events.

    Args:
        job: The training.
        send: Called with each event, in order.
        load: Gives the data set.
        device: Where to train, as torch names it.
    """
    try:
        ended = _train(job, send, load, device)
    except TrainingDiverged as error:
        send(Failed(job.id, str(error), retry=False))
    except UsageError as error:
        send(Blocked(job.id, str(error)))
    except Exception as error:  # whatever it is, it must fail this attempt only, with its reason
        traceback.print_exc()
        send(Failed(job.id, f"{type(error).__name__}: {error}", retry=True))
    else:
        send(ended)


def _train(job: Job, send: Send, load: Callable[[Job], Splits], device: str) -> Paused | Finished:
    splits = load(job)
    architecture = Architecture.from_json(job.architecture)
    recipe = RecipeConfig.model_validate(job.recipe)
    with _checkpoints(job.checkpoint_dir) as checkpoints:

        def epoch_done(epochs: int) -> None:
            checkpoints.save(epochs)
            send(EpochDone(job.id, epochs))

        trained = train(
            architecture,
            splits,
            recipe,
            seed=job.seed,
            checkpoint_dir=checkpoints.folder,
            cache_dir=Path(job.cache_dir),
            stop_epoch=job.stop_epoch,
            on_epoch=lambda report: epoch_done(report.epoch),
            device=device,
        )
        if trained.epochs < recipe.epochs:
            return Paused(job.id, trained.epochs, trained.accuracy)
        checkpoints.finish()
        result = asdict(trained)
        if job.test:
            network = load_trained(checkpoints.folder)
            result["test_accuracy"] = evaluate(network, splits.test, architecture.resolution)
        return Finished(job.id, trained.accuracy, result)


class _LocalFolder:
    """Checkpoints that stay where the training writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, epochs: int) -> None:
        pass

    def finish(self) -> None:
        pass


def _checkpoints(place: str) -> AbstractContextManager[_LocalFolder | CheckpointMirror]:
    return CheckpointMirror(place) if is_url(place) else nullcontext(_LocalFolder(Path(place)))


@cache
def _splits(data: str, cache_dir: str) -> Splits:
    return load_data(DataConfig.model_validate_json(data), cache_dir=Path(cache_dir))
