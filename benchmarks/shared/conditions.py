"""What results were obtained with."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from tiernas.engines.fingerprint import cpu_device
from tiernas.executors.code_version import code_version


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def conditions() -> dict[str, Any]:
    """Machine and versions, serializable as JSON."""
    return {
        "device": cpu_device(),
        "cores": os.cpu_count(),
        "tiernas": code_version(),
        "torch": version("torch"),
    }
