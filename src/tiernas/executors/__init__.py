"""Where candidates are trained."""

from tiernas.executors.executor import EpochDone, Event, Executor, Failed, Finished, Job
from tiernas.executors.local import LocalExecutor

__all__ = ["EpochDone", "Event", "Executor", "Failed", "Finished", "Job", "LocalExecutor"]
