"""What runs on the nodes of a Ray cluster: an actor that does one job at a time."""

from __future__ import annotations

import abc
import getpass
import os
import queue
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from tiernas.executors.code_version import code_version
from tiernas.executors.executor import Blocked, EpochDone, Event, Job
from tiernas.executors.seat import Seat
from tiernas.executors.wire import decode_job, encode_event

if TYPE_CHECKING:
    from tiernas.training import Splits

_FOLDER_WAIT_S = 60
"""Time until a folder created by another node becomes visible: network file systems cache folders for up to this long
(`acdirmax` of nfs(5) is 60 s)."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a worker reports about itself.

    Attributes:
        worker: Its name: host and process.
        node: Its host.
        machine: Ray's id of its node; a restarted node has another.
        gpus: GPUs that Ray gave it, as numbered by CUDA.
        code: `code_version()`.
        libraries: Versions of the libraries that accuracies depend on.
    """

    worker: str
    node: str
    machine: str
    gpus: tuple[str, ...]
    code: str
    libraries: dict[str, str]


class Client(abc.ABC):
    """A process that Ray starts on some node; does one job after another."""

    @abc.abstractmethod
    def work(self, job: Job, data: Sequence[ray.ObjectRef[Any]], send: Callable[[Event], None]) -> None:
        """Does a job and sends its events, in order.

        Args:
            job: The job.
            data: Empty, or the packed data set, for a node that does not see its files.
            send: Called with each event.
        """

    def libraries(self) -> dict[str, str]:
        """Loads what jobs need, and returns their versions."""
        return {}

    def introduce(self) -> Introduction:
        """Reports who it is; fails if something that jobs need is missing."""
        node = socket.gethostname()
        machine = ray.get_runtime_context().get_node_id()
        return Introduction(f"{node}:{os.getpid()}", node, machine, own_gpus(), code_version(), self.libraries())

    def sees(self, path: str) -> bool:
        """Whether a file or folder exists on this node."""
        return Path(path).exists()

    def run(self, job: str, data: Sequence[ray.ObjectRef[Any]]) -> Iterator[str]:
        """Does a job; yields its events as lines as they come."""
        yield from _lines(lambda send: self.work(decode_job(job), data, send))


class TrainingClient(Client):
    """Trains candidates with `run`, like the workers of a single machine; several of them can train one together."""

    def __init__(self) -> None:
        self._shipped: dict[str, Splits] = {}
        self._device = "cuda" if own_gpus() else "cpu"

    def libraries(self) -> dict[str, str]:
        import torch

        import_module("tiernas.executors.run")  # so that the first job finds everything loaded
        return {"torch": torch.__version__.partition("+")[0]}  # the rest names the build, for CPU or CUDA

    def share_gpus(self, gpus: Sequence[str]) -> None:
        """Makes the GPUs of all processes that train together visible to this one, as NCCL copies between them.

        Called before CUDA starts, which reads the variable once.
        """
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        self._device = f"cuda:{list(gpus).index(own_gpus()[0])}"

    def meet(self) -> str:
        """Creates a folder on this machine for the processes of one training run."""
        return tempfile.mkdtemp(prefix="tiernas-")

    def run_together(self, job: str, data: Sequence[ray.ObjectRef[Any]], seat: Seat) -> Iterator[str]:
        """Does a job together with others, each called with its own seat; yields its own events."""
        try:
            yield from _lines(lambda send: self._train(decode_job(job), data, send, seat))
        finally:
            if seat.rank == 0:
                shutil.rmtree(seat.meeting, ignore_errors=True)

    def work(self, job: Job, data: Sequence[ray.ObjectRef[Any]], send: Callable[[Event], None]) -> None:
        self._train(job, data, send, None)

    def _train(
        self, job: Job, data: Sequence[ray.ObjectRef[Any]], send: Callable[[Event], None], seat: Seat | None
    ) -> None:
        import torch

        from tiernas.executors.mirror import is_url
        from tiernas.executors.run import cached_splits, run

        resources: dict[str, float] = ray.get_runtime_context().get_assigned_resources()  # type: ignore[no-untyped-call]
        torch.set_num_threads(max(1, int(resources.get("CPU", 1))))  # of this thread
        if not is_url(job.checkpoint_dir) and not _appears(Path(job.checkpoint_dir)):
            send(Blocked(job.id, _unseen(job.checkpoint_dir)))
            return
        if not Path(job.cache_dir).is_dir():
            job = replace(job, cache_dir=str(Path(tempfile.gettempdir()) / f"tiernas-cache-{getpass.getuser()}"))

        def load(job: Job) -> Splits:
            return self._unpacked(job, data[0]) if data else cached_splits(job)

        run(job, send, load=load, device=self._device, seat=seat)

    def _unpacked(self, job: Job, packed: ray.ObjectRef[Any]) -> Splits:
        from tiernas.executors.ray_data import unpack

        key = repr(job.data)
        if key not in self._shipped:
            self._shipped[key] = unpack(ray.get(packed))
        return self._shipped[key]


def own_gpus() -> tuple[str, ...]:
    """GPUs that Ray gave this process, as numbered by CUDA on this machine."""
    return tuple(ray.get_runtime_context().get_accelerator_ids().get("GPU", ()))


def _lines(work: Callable[[Callable[[Event], None]], None]) -> Iterator[str]:
    """The events that a function sends, as lines, as they come; raises what the function raises."""
    events: queue.SimpleQueue[Event | Exception | None] = queue.SimpleQueue()

    def do() -> None:
        try:
            work(events.put)
        except Exception as error:  # nothing else catches what a thread raises
            events.put(error)
        finally:
            events.put(None)

    threading.Thread(target=do, daemon=True).start()
    while (event := events.get()) is not None:
        if isinstance(event, Exception):
            raise event
        yield encode_event(event)
        if not isinstance(event, EpochDone):
            return


def _appears(folder: Path) -> bool:
    deadline = time.monotonic() + _FOLDER_WAIT_S
    while not folder.is_dir():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def _unseen(folder: str) -> str:
    return (
        f"node {socket.gethostname()} does not see {folder}, where checkpoints are to be written; set "
        "study.checkpoints to a folder that all nodes share, or to an fsspec URL such as s3://BUCKET/FOLDER"
    )
