"""Clients that are not as they should be, for the tests of `RayExecutor`; Ray's workers import this."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ray

from tiernas.executors.executor import Event, Job
from tiernas.executors.ray_client import Introduction, TrainingClient


class OtherCodeClient(TrainingClient):
    """Says that it has another version of the code."""

    def introduce(self) -> Introduction:
        return replace(super().introduce(), code="0.0.1 (0123456789ab)")


class IncompleteClient(TrainingClient):
    """Lacks a library."""

    def libraries(self) -> dict[str, str]:
        raise ModuleNotFoundError("No module named 'torch'")


class DyingClient(TrainingClient):
    """Dies while it starts."""

    def introduce(self) -> Introduction:
        os._exit(1)


class FailingClient(TrainingClient):
    """Cannot do any job, by no fault of the networks."""

    def work(self, job: Job, data: Sequence[ray.ObjectRef[Any]], send: Callable[[Event], None]) -> None:
        raise TimeoutError("the storage of the data does not answer")


class RemoteClient(TrainingClient):
    """Is on a node that does not see the images."""

    def sees(self, path: str) -> bool:
        return False
