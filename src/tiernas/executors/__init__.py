"""Where candidates are trained."""

from tiernas.executors.executor import (
    Blocked,
    EpochDone,
    Event,
    Executor,
    Failed,
    Finished,
    Job,
    Lost,
    Paused,
    Placement,
)
from tiernas.executors.local import LocalExecutor
from tiernas.executors.ray_executor import RayExecutor
from tiernas.executors.ray_settings import RaySettings

__all__ = [
    "Blocked",
    "EpochDone",
    "Event",
    "Executor",
    "Failed",
    "Finished",
    "Job",
    "LocalExecutor",
    "Lost",
    "Paused",
    "Placement",
    "RayExecutor",
    "RaySettings",
]
