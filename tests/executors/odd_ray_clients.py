"""Clients that are not as they should be, for the tests of `RayExecutor`; Ray's workers import this."""

from __future__ import annotations

from dataclasses import replace

from tiernas.executors.ray_client import Introduction, TrainingClient


class OtherCodeClient(TrainingClient):
    """Says that it has another version of the code."""

    def introduce(self) -> Introduction:
        return replace(super().introduce(), code="0.0.1 (0123456789ab)")


class IncompleteClient(TrainingClient):
    """Lacks a library."""

    def libraries(self) -> dict[str, str]:
        raise ModuleNotFoundError("No module named 'torch'")


class RemoteClient(TrainingClient):
    """Is on a node that does not see the images."""

    def sees(self, path: str) -> bool:
        return False
