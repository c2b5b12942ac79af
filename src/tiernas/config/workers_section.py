"""The `[workers]` section of the file."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import Field

from tiernas.config.section import Section
from tiernas.errors import UsageError
from tiernas.executors import RaySettings


class WorkersSection(Section):
    """Where candidates are trained.

    Attributes:
        executor: "local": processes of this machine, one thread each. "ray": the nodes of a Ray cluster.
        count: Number of workers. By default one per core (local), or as many as fit on the cluster (ray).
        address: Ray only: "auto", or HOST:PORT of the head; by default Ray is started on this machine alone.
        cpus: Ray only: cores of each candidate.
        gpus: Ray only: GPUs of each candidate, all on one node; a fraction shares one.
        processes: Ray only: processes that train a candidate together, each on its share of `cpus`; by default one for
            each GPU.
        time_limit_minutes: A training run that takes longer is ended and retried from its last checkpoint, three
            attempts in all; by default there is no limit.
        environment: Names of environment variables with credentials that training needs nonetheless, such as those of
            your own data source; others stay with the server.
    """

    executor: Literal["local", "ray"] = "local"
    count: Annotated[int | None, Field(ge=1)] = None
    address: str | None = None
    cpus: Annotated[float, Field(ge=0)] = 1
    gpus: Annotated[float, Field(ge=0)] = 0
    processes: Annotated[int | None, Field(ge=1)] = None
    time_limit_minutes: Annotated[float | None, Field(gt=0)] = None
    environment: tuple[str, ...] = ()

    @property
    def local_processes(self) -> int:
        """Number of worker processes of the local executor."""
        return self.count or len(os.sched_getaffinity(0))

    @property
    def ray_settings(self) -> RaySettings:
        """The settings of the Ray executor.

        Raises:
            UsageError: A value is not allowed.
        """
        return RaySettings(
            address=self.address, count=self.count, cpus=self.cpus, gpus=self.gpus, processes=self.processes
        )

    def check(self) -> None:
        """Checks rules that involve several keys.

        Raises:
            UsageError: Names the key, its value and what is allowed.
        """
        if self.executor == "ray":
            self.ray_settings  # noqa: B018 (raises)
            return
        for key in ("address", "cpus", "gpus", "processes"):
            value = getattr(self, key)
            if value != type(self).model_fields[key].default:
                raise UsageError(
                    f"workers.{key} = {value!r}: only for workers.executor = 'ray'; workers on this machine train on "
                    "one core each. Remove it, or set workers.executor = 'ray'"
                )
