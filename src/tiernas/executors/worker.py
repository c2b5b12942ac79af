"""The process that trains candidates: jobs come as lines of JSON on stdin, events go as lines of JSON to stdout.

When stdin closes, the server is gone: the process ends at once, and the training goes on from its last checkpoint
when the server is started again.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TextIO

import torch

from tiernas.errors import UsageError
from tiernas.executors.executor import Blocked, EpochDone, Event, Failed, Finished, Job, Paused
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


def main() -> None:
    """Runs jobs until stdin closes."""
    torch.set_num_threads(1)
    events, sys.stdout = sys.stdout, sys.stderr  # a stray print must not look like an event
    jobs: queue.Queue[Job] = queue.Queue()
    threading.Thread(target=_read_jobs, args=(sys.stdin, jobs), daemon=True).start()

    def send(kind: str, event: Event) -> None:
        events.write(json.dumps([kind, asdict(event)]) + "\n")
        events.flush()

    while True:
        run(jobs.get(), send)


def run(job: Job, send: Callable[[str, Event], None]) -> None:
    """Trains one candidate and sends its events."""
    try:
        ended = _train(job, lambda epochs: send("epoch", EpochDone(job.id, epochs)))
    except TrainingDiverged as error:
        send("failed", Failed(job.id, str(error), retry=False))
    except UsageError as error:
        send("blocked", Blocked(job.id, str(error)))
    except Exception as error:  # whatever it is, it must fail this attempt only, with its reason
        traceback.print_exc()
        send("failed", Failed(job.id, f"{type(error).__name__}: {error}", retry=True))
    else:
        send("paused" if isinstance(ended, Paused) else "finished", ended)


def _train(job: Job, on_epoch: Callable[[int], None]) -> Paused | Finished:
    splits = _splits(json.dumps(job.data), job.cache_dir)
    architecture = Architecture.from_json(job.architecture)
    recipe = RecipeConfig.model_validate(job.recipe)
    folder = Path(job.checkpoint_dir)
    trained = train(
        architecture,
        splits,
        recipe,
        seed=job.seed,
        checkpoint_dir=folder,
        stop_epoch=job.stop_epoch,
        on_epoch=lambda report: on_epoch(report.epoch),
    )
    if trained.epochs < recipe.epochs:
        return Paused(job.id, trained.epochs, trained.accuracy)
    result = asdict(trained)
    if job.test:
        network = load_trained(folder)
        result["test_accuracy"] = evaluate(network, splits.test, architecture.resolution)
    return Finished(job.id, trained.accuracy, result)


@cache
def _splits(data: str, cache_dir: str) -> Splits:
    return load_data(DataConfig.model_validate_json(data), cache_dir=Path(cache_dir))


def _read_jobs(stdin: TextIO, jobs: queue.Queue[Job]) -> None:
    for line in stdin:
        jobs.put(Job(**json.loads(line)))
    os._exit(1)


if __name__ == "__main__":
    main()
