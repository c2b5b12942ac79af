"""Where candidates are trained."""

from tiernas.executors.executor import Blocked, EpochDone, Event, Executor, Failed, Finished, Job, Paused
from tiernas.executors.local import LocalExecutor

__all__ = ["Blocked", "EpochDone", "Event", "Executor", "Failed", "Finished", "Job", "LocalExecutor", "Paused"]
