"""What runs on the nodes of a Ray cluster: an actor that does one job at a time."""

from __future__ import annotations

import abc
import getpass
import os
import queue
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
from tiernas.executors.wire import decode_job, encode_event

if TYPE_CHECKING:
    from tiernas.training import Splits

_FOLDER_WAIT_S = 60
"""Time after which a folder that another node made is seen: network file systems keep what they know of a folder for
up to that long (`acdirmax` of nfs(5) is 60 s)."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a client says of itself.

    Attributes:
        worker: Its name: host and process.
        node: Its host.
        gpus: GPUs that Ray gave it, as CUDA numbers them.
        code: `code_version()`.
        libraries: Versions of the libraries that accuracies depend on.
    """

    worker: str
    node: str
    gpus: tuple[str, ...]
    code: str
    libraries: dict[str, str]


class Client(abc.ABC):
    """A process that Ray starts on some node; lives from job to job."""

    @abc.abstractmethod
    def work(self, job: Job, data: Sequence[ray.ObjectRef[Any]], send: Callable[[Event], None]) -> None:
        """Does a job and sends its events, in order.

        Args:
            job: What to do.
            data: Nothing, or the packed data set, for a node that does not see its files.
            send: Takes the events.
        """

    def libraries(self) -> dict[str, str]:
        """Loads what jobs need, and says which versions it has."""
        return {}

    def introduce(self) -> Introduction:
        """Says who it is; fails where something is missing that jobs need."""
        node = socket.gethostname()
        gpus = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
        return Introduction(f"{node}:{os.getpid()}", node, tuple(gpus), code_version(), self.libraries())

    def sees(self, path: str) -> bool:
        """Whether a file or folder is there on this node."""
        return Path(path).exists()

    def run(self, job: str, data: Sequence[ray.ObjectRef[Any]]) -> Iterator[str]:
        """Does a job; gives its events as lines the moment they come."""
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

        def work() -> None:
            try:
                self.work(decode_job(job), data, events.put)
            finally:
                events.put(None)

        threading.Thread(target=work, daemon=True).start()
        while (event := events.get()) is not None:
            yield encode_event(event)
            if not isinstance(event, EpochDone):
                return


class TrainingClient(Client):
    """Trains candidates with `run`, as the workers of a single machine do."""

    def __init__(self) -> None:
        self._shipped: dict[str, Splits] = {}

    def libraries(self) -> dict[str, str]:
        import torch

        import_module("tiernas.executors.run")  # so that the first job finds everything loaded
        return {"torch": torch.__version__.partition("+")[0]}  # the rest names the build, for CPU or CUDA

    def work(self, job: Job, data: Sequence[ray.ObjectRef[Any]], send: Callable[[Event], None]) -> None:
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

        run(job, send, load=load, device="cuda" if resources.get("GPU") else "cpu")

    def _unpacked(self, job: Job, packed: ray.ObjectRef[Any]) -> Splits:
        from tiernas.executors.ray_data import unpack

        key = repr(job.data)
        if key not in self._shipped:
            self._shipped[key] = unpack(ray.get(packed))
        return self._shipped[key]


def _appears(folder: Path) -> bool:
    deadline = time.monotonic() + _FOLDER_WAIT_S
    while not folder.is_dir():
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def _unseen(folder: str) -> str:
    return (
        f"node {socket.gethostname()} does not see {folder}, where the server wants its checkpoints; set "
        "study.checkpoints to a folder that all nodes share, or to an fsspec URL such as s3://BUCKET/FOLDER"
    )
