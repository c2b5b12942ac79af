"""What every executor offers: jobs in, events out."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Job:
    """One training, as plain values that go over a wire.

    Attributes:
        id: Names the job in events.
        architecture: `Architecture.to_json()`.
        data: `DataConfig` as plain values.
        recipe: `RecipeConfig` as plain values.
        seed: Seed of weights, order of images and augmentation.
        checkpoint_dir: Folder of the checkpoints, a path or an fsspec URL; a training that has some continues from
            them.
        cache_dir: Folder where decoded images are kept for other workers.
        test: Whether the accuracy on the test part is computed at the end.
        stop_epoch: The epoch after which the training pauses; None to complete it.
    """

    id: int
    architecture: str
    data: dict[str, Any]
    recipe: dict[str, Any]
    seed: int
    checkpoint_dir: str
    cache_dir: str
    test: bool
    stop_epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a job went.

    Attributes:
        worker: Names the worker; one that takes the place of a dead one has another name.
        node: Host of the worker.
        gpu: The GPUs that it was given, as CUDA numbers them on that host, such as "3" or "0,1"; None if none.
    """

    worker: str
    node: str
    gpu: str | None = None


@dataclass(frozen=True, slots=True)
class EpochDone:
    """A training completed an epoch and wrote its checkpoint.

    Attributes:
        job_id: The job.
        epochs: Epochs that are complete.
        metrics: Figures of the last epoch by their names in `tiernas.training.EpochReport`, such as "train_loss"; not
            compared, since some of them are speeds.
    """

    job_id: int
    epochs: int
    metrics: Mapping[str, float] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """A training is complete.

    Attributes:
        job_id: The job.
        accuracy: Top-1 accuracy on the validation part, 0 to 1.
        result: Everything else that the training reported, as plain values.
    """

    job_id: int
    accuracy: float
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Paused:
    """A training reached the epoch at which its job ends, and its checkpoint is written.

    Attributes:
        job_id: The job.
        epochs: Epochs that are complete.
        accuracy: Top-1 accuracy on the validation part at this point, 0 to 1.
    """

    job_id: int
    epochs: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A training ended without a result.

    Attributes:
        job_id: The job.
        reason: What happened, in one line.
        retry: Whether another attempt may succeed.
    """

    job_id: int
    reason: str
    retry: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """A training was cut off by something that it did not cause, such as the loss of its machine.

    Attributes:
        job_id: The job.
        reason: What happened, in one line.
    """

    job_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """A training cannot go on until the user mends something that is not the network's fault, such as a full disk.

    An executor of many machines sets the machine aside and reports `Lost`, until there is none left. It comes as well
    where one training after the other ends before one of them got ahead (`Machines`).

    Attributes:
        job_id: The job.
        reason: What is wrong and how to mend it.
    """

    job_id: int
    reason: str


Event = EpochDone | Paused | Finished | Failed | Lost | Blocked


class Executor(abc.ABC):
    """Runs trainings somewhere. Used as a context manager; leaving it stops every worker at once.

    Called from one thread. A worker that dies is replaced, and its job comes back: as `Failed` with `retry` where the
    job may be the cause, as `Lost` where it cannot be. That holds however it dies: killed, stopped for long, or in the
    middle of an event. What is written to the standard output of a worker is no event.
    """

    @property
    @abc.abstractmethod
    def clients(self) -> int:
        """How many jobs could run at the same time now, busy or not; changes where machines come and go."""

    @property
    @abc.abstractmethod
    def free(self) -> int:
        """How many jobs would start at once if they were submitted now."""

    @abc.abstractmethod
    def submit(self, job: Job) -> Placement:
        """Starts a job; called only while `free` is positive.

        Returns:
            Where it runs.
        """

    @abc.abstractmethod
    def poll(self, timeout_s: float) -> Sequence[Event]:
        """Waits up to `timeout_s` for events and returns them; empty where nothing happened.

        The events of one job come in order. The last one is not `EpochDone`, and with it the client is free.

        Raises:
            UsageError: No job can run until the user mends something.
        """

    @abc.abstractmethod
    def cancel(self, job_id: int) -> None:
        """Stops a job at once; it keeps its last checkpoint, and no event of it comes any more.

        Its worker is killed and replaced. Nothing happens where no such job runs.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Stops every worker at once; running trainings keep their last checkpoint."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
