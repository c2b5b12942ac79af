"""Memory available for measuring."""

from __future__ import annotations

from pathlib import Path

from tiernas.doctor.cgroup import memory_limit
from tiernas.doctor.finding import Finding, Severity
from tiernas.runner.device_state import meminfo_mb

ENOUGH_MB = 2048
"""Exporting, compiling and measuring the largest network of the space `gpunet` needs less than this."""


def memory(root: Path = Path("/")) -> Finding | None:
    """Too little memory, in the machine or in the container.

    Args:
        root: Folder that contains `proc` and `sys`.
    """
    limit, free_mb = memory_limit(root), meminfo_mb(root).get("MemAvailable")
    limit_mb = None if limit is None else limit // 2**20
    left_mb = min((mb for mb in (limit_mb, free_mb) if mb is not None), default=None)
    if left_mb is None or left_mb >= ENOUGH_MB:
        return None
    limits = left_mb == limit_mb
    return Finding(
        Severity.WARNING,
        "memory",
        f"the container may use {left_mb} MB" if limits else f"{left_mb} MB are available",
        "Large networks may fail to compile, or the system swaps while they are measured.",
        f"allow at least {ENOUGH_MB} MB: docker run --memory" if limits else "end programs that are not needed",
    )


def swap(root: Path = Path("/")) -> Finding | None:
    """Swap in use.

    Args:
        root: Folder that contains `proc`.
    """
    meminfo = meminfo_mb(root)
    used_mb = meminfo.get("SwapTotal", 0) - meminfo.get("SwapFree", 0)
    if used_mb <= 0:
        return None
    return Finding(
        Severity.NOTE,
        "swap",
        f"{used_mb} MB are swapped out",
        "Reading a page back from disk takes longer than an inference.",
        "free memory, then: sudo swapoff --all && sudo swapon --all",
    )
