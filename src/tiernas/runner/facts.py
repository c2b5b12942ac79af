"""What a device tells of itself."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tiernas
from tiernas.engines.fingerprint import cpu_device, cpu_flags
from tiernas.engines.other_work import OtherWork
from tiernas.runner.boot import boot_id
from tiernas.runner.device_state import read_state
from tiernas.runner.protocol import PROTOCOL
from tiernas.runner.system_files import system_files

_LOAD_S = 1.0
"""Time for which the load of others is observed."""


def who_it_is(folder: Path) -> Mapping[str, Any]:
    """Versions, the machine, its clock and its state, serializable as JSON.

    Args:
        folder: Where files are kept.
    """
    return {
        "protocol": PROTOCOL,
        "tiernas": tiernas.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.platform(),
        "host": platform.node(),
        "boot": boot_id(),
        "device": cpu_device(),
        "cores": os.cpu_count() or 1,
        "flags": list(cpu_flags()),
        "time_s": time.time(),
        "folder": str(folder),
        "free_disk_mb": _free_disk_mb(folder),
        "state": read_state().to_dict(),
    }


def load_and_settings() -> Mapping[str, Any]:
    """What would disturb measurements: the load of others, for which it waits a second, and the system's settings."""
    other_work = OtherWork()
    time.sleep(_LOAD_S)
    _, busy_cores = other_work.so_far()
    return {
        "files": dict(system_files()),
        "allowed_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "busy_cores": busy_cores,
        "state": read_state().to_dict(),
    }


def _free_disk_mb(folder: Path) -> int | None:
    """Free space where a folder is or would be."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        return shutil.disk_usage(there).free // 10**6
    except OSError:
        return None
