"""The interface of all executors: jobs in, events out."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Job:
    """One training run, as plain values that can be sent to another process.

    Attributes:
        id: Identifies the job in events.
        architecture: `Architecture.to_json()`.
        data: `DataConfig` as plain values.
        recipe: `RecipeConfig` as plain values.
        seed: Seed of weights, order of images and augmentation.
        checkpoint_dir: Folder of the checkpoints, a path or an fsspec URL; training resumes from existing ones.
        cache_dir: Folder where decoded images are kept for other workers.
        test: Whether to compute the accuracy on the test split at the end.
        stop_epoch: The epoch after which training pauses; None to complete it.
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
    """Where a job was placed.

    Attributes:
        worker: Name of the worker; the replacement of a dead one has another name.
        node: Host of the worker.
        gpu: The GPUs it was given, as numbered by CUDA on that host, such as "3" or "0,1"; None if none.
    """

    worker: str
    node: str
    gpu: str | None = None


@dataclass(frozen=True, slots=True)
class EpochDone:
    """A training run completed an epoch and wrote its checkpoint.

    Attributes:
        job_id: The job.
        epochs: Number of completed epochs.
        metrics: Metrics of the last epoch by their names in `tiernas.training.EpochReport`, such as "train_loss"; not
            compared, since some of them are speeds.
    """

    job_id: int
    epochs: int
    metrics: Mapping[str, float] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """A training run is complete.

    Attributes:
        job_id: The job.
        accuracy: Top-1 accuracy on the validation split, 0 to 1.
        result: Everything else that training reported, as plain values.
    """

    job_id: int
    accuracy: float
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Paused:
    """A training run reached the last epoch of its job, and its checkpoint is written.

    Attributes:
        job_id: The job.
        epochs: Number of completed epochs.
        accuracy: Top-1 accuracy on the validation split at this point, 0 to 1.
    """

    job_id: int
    epochs: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A training run ended without a result.

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
    """A training run was interrupted for a reason other than the job, such as the loss of its machine.

    Attributes:
        job_id: The job.
        reason: What happened, in one line.
    """

    job_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """A training run cannot continue until the user fixes a problem not caused by the network, such as a full disk.

    An executor of several machines sets the machine aside and reports `Lost`, until none is left. Also reported when
    training runs in a row end before one of them made progress (`Machines`).

    Attributes:
        job_id: The job.
        reason: What is wrong and how to fix it.
    """

    job_id: int
    reason: str


Event = EpochDone | Paused | Finished | Failed | Lost | Blocked


class Executor(abc.ABC):
    """Trains candidates somewhere. Used as a context manager; leaving it stops every worker at once.

    Called from one thread. A worker that dies is replaced, and its job is returned: as `Failed` with `retry` if the job
    may be the cause, as `Lost` if it cannot be. This holds however it dies: killed, suspended for long, or in the
    middle of an event. The standard output of a worker contains no events.
    """

    @property
    @abc.abstractmethod
    def clients(self) -> int:
        """Number of workers now, busy or not: how many jobs could run at once; changes as machines come and go."""

    @property
    @abc.abstractmethod
    def free(self) -> int:
        """Number of jobs that would start at once if submitted now."""

    @abc.abstractmethod
    def submit(self, job: Job) -> Placement:
        """Starts a job; called only while `free` is positive.

        Returns:
            Where it runs.
        """

    @abc.abstractmethod
    def poll(self, timeout_s: float) -> Sequence[Event]:
        """Waits up to `timeout_s` for events and returns them; empty if nothing happened.

        The events of one job come in order. The last one is not an `EpochDone`, and frees the worker.

        Raises:
            UsageError: No job can run until the user fixes something.
        """

    @abc.abstractmethod
    def cancel(self, job_id: int) -> None:
        """Stops a job at once; it keeps its last checkpoint, and no more events of it are returned.

        Its worker is killed and replaced. Does nothing if no such job is running.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Stops every worker at once; running candidates keep their last checkpoint."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
