"""Memory of a training run and of its machine."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import psutil
import torch

_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""Unit of `ru_maxrss`: bytes on macOS, KiB elsewhere (getrusage(2))."""

_CGROUP = Path("/sys/fs/cgroup")
_CGROUP_FILES = ("memory.max", "memory/memory.limit_in_bytes")
"""Limit of a container as seen from inside: control groups of version 2 and 1 (kernel documentation, cgroup-v2)."""


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory so far: of the process on CPU, of torch's allocator on a GPU; in MB (1e6 bytes)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES / 1e6


def machine_memory_bytes(cgroup: Path = _CGROUP) -> int:
    """Memory that all processes here may use together: the machine's, or less in a container.

    Args:
        cgroup: The folder of the control groups.
    """
    limits = [int(psutil.virtual_memory().total)]
    for name in _CGROUP_FILES:
        path = cgroup / name
        if path.exists() and (text := path.read_text().strip()).isdecimal():  # else "max"
            limits.append(int(text))
    return min(limits)
