from .executor import Blocked, EpochDone, Event, Executor, Failed, Finished, Job, Lost, Paused, Placement
from .local import LocalExecutor
from .ray_executor import RayExecutor
from .ray_settings import RaySettings

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
