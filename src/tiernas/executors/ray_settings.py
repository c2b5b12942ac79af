"""The settings of a Ray driver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tiernas.errors import UsageError

TRAINING = "tiernas.executors.ray_client:TrainingClient"


@dataclass(frozen=True, slots=True)
class RaySettings:
    """The cluster, and the resources of a worker.

    Attributes:
        address: "auto" (the cluster that this machine is a node of) or `HOST:PORT` of the head; None starts Ray on
            this machine alone.
        count: Largest number of workers. More than fit are requested, so that an autoscaler adds nodes; None: as many
            as fit on the existing nodes.
        cpus: Cores of each worker; may be a fraction.
        gpus: GPUs of each worker, all on one node; a fraction shares one.
        processes: Number of processes that train a candidate together, each with its share of `cpus` and its own GPU,
            if there are any; None: one for each GPU.
        client: `module:class` of a worker: a subclass of `ray_client.Client`.
        jobs_per_process: Number of workers in one process, as threads; more than 1 only for jobs that do not train.
        modules: Top-level modules that jobs import besides tiernas; those that are not installed are sent along.
        look_s: Time between two checks of which nodes exist.

    Raises:
        UsageError: A value is not allowed.
    """

    address: str | None = None
    count: int | None = None
    cpus: float = 1
    gpus: float = 0
    processes: int | None = None
    client: str = TRAINING
    jobs_per_process: int = 1
    modules: Sequence[str] = ()
    look_s: float = 5

    def __post_init__(self) -> None:
        if self.address is not None and "://" in self.address:
            raise UsageError(
                f"Ray address {self.address}: must be auto or HOST:PORT of the head; the server runs on a node of the "
                "cluster, as Ray's client protocol does not report what happens to a worker"
            )
        for name, value in (("cpus", self.cpus), ("gpus", self.gpus)):
            if value < 0 or (value > 1 and value != int(value)):
                raise UsageError(f"{name} per candidate = {value}: must be 0 to 1, or a larger integer")
        if self.processes is not None and self.gpus and self.processes != max(1, self.gpus):
            raise UsageError(
                f"processes per candidate = {self.processes}: must be {max(1, int(self.gpus))}, as gpus = {self.gpus}: "
                "each GPU of a candidate has one process. Remove it"
            )
        share = self.cpus / self.processes_per_candidate
        if share > 1 and share != int(share):
            raise UsageError(
                f"cpus per candidate = {self.cpus}: must be at most {self.processes_per_candidate} or a multiple of "
                "it: that many processes train a candidate, and each gets a share"
            )
        if self.cpus == self.gpus == 0:
            raise UsageError("a candidate needs cpus or gpus: both are 0")
        if self.count is not None and self.count < 1:
            raise UsageError(f"number of workers = {self.count}: must be 1 or more")

    @property
    def processes_per_candidate(self) -> int:
        """Number of processes that train a candidate together."""
        return self.processes or max(1, int(self.gpus))

    @property
    def resources(self) -> dict[str, float]:
        """The Ray resources of one process."""
        share = self.jobs_per_process / self.processes_per_candidate
        needs = {"CPU": self.cpus * share, "GPU": self.gpus * share}
        return {name: need for name, need in needs.items() if need}
