"""One run of the runner on a device: what is open in it is gone with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiernas.devices.link import LIMIT_S, Link


class Session:
    """One run of the runner.

    Args:
        link: The process that leads to it.
        facts: What the device told of itself (`tiernas.runner.facts`).

    Attributes:
        facts: What the device told of itself.
        handles: What is open there, by the objects here that stand for it.
    """

    def __init__(self, link: Link, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self.handles: dict[object, int] = {}
        self._link = link

    def ask(self, do: str, *, limit_s: float = LIMIT_S, **fields: Any) -> Mapping[str, Any]:
        """Sends a request and waits for its answer; see `Link.ask`."""
        return self._link.ask(do, limit_s=limit_s, **fields)

    def send(self, files: Mapping[str, Path]) -> None:
        """Sends those of some files that are not kept there, by their SHA-256."""
        for digest in self.ask("missing", sha256=list(files))["missing"]:
            path = files[digest]
            self._link.ask("keep", payload=path, sha256=digest, bytes=path.stat().st_size)

    def close(self) -> None:
        """Ends it."""
        self._link.close()
