"""CPU and memory limits of a container: control groups of both versions.

Formats: Documentation/admin-guide/cgroup-v2.rst, Documentation/scheduler/sched-bwc.rst and
Documentation/admin-guide/cgroup-v1/memory.rst of the Linux kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tiernas.doctor.system_file import read
from tiernas.runner.system_files import control_groups

_V1_UNLIMITED = 2**62
"""Version 1 represents "no memory limit" by the largest multiple of a page below 2^63."""


def cpu_limit(root: Path = Path("/")) -> float | None:
    """Number of cores that this process's control groups allow; None without a limit.

    The limit is a share of time, such as `docker run --cpus 1.5`: once the group has used it up, all its threads stop
    until the next period, which is 100 ms by default.

    Args:
        root: Folder that contains `proc` and `sys`.
    """
    limits = [parse_cpu_max(text) for text in _v2(root, "cpu.max")]
    for folder in _v1_folders(root, "cpu"):
        quota, period = read(folder / "cpu.cfs_quota_us"), read(folder / "cpu.cfs_period_us")
        if quota is not None and period is not None:
            limits.append(parse_quota(quota, period))
    return min((limit for limit in limits if limit is not None), default=None)


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes that this process's control groups allow; None without a limit.

    Args:
        root: Folder that contains `proc` and `sys`.
    """
    v1 = (read(folder / "memory.limit_in_bytes") for folder in _v1_folders(root, "memory"))
    limits = [parse_bytes(text) for text in [*_v2(root, "memory.max"), *v1] if text is not None]
    return min((limit for limit in limits if limit is not None), default=None)


def parse_cpu_max(text: str) -> float | None:
    """Cores in a `cpu.max` file, `QUOTA PERIOD` in us; None for `max PERIOD` (no limit) and anything else."""
    quota, *period = text.split() or ["max"]
    return parse_quota(quota, period[0] if period else "100000")


def parse_quota(quota_us: str, period_us: str) -> float | None:
    """Cores of a quota and its period in us; None if the quota is `max` or -1, or one of them is not a number."""
    try:
        quota, period = int(quota_us), int(period_us)
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def parse_bytes(text: str) -> int | None:
    """Bytes of a memory limit; None if it is `max`, so large that it means no limit, or not a number."""
    try:
        limit = int(text)
    except ValueError:
        return None
    return limit if 0 <= limit < _V1_UNLIMITED else None


def _v2(root: Path, name: str) -> Iterator[str]:
    """The contents of a file in this process's group of version 2 and in all groups above it."""
    for controllers, path in _groups(root):
        if not controllers:
            yield from (t for folder in _upwards(root / "sys/fs/cgroup", path) if (t := read(folder / name)))


def _v1_folders(root: Path, controller: str) -> Iterator[Path]:
    """This process's group of a controller of version 1 and all groups above it."""
    for controllers, path in _groups(root):
        if controller in controllers:
            for mount in dict.fromkeys([",".join(controllers), controller]):
                yield from _upwards(root / "sys/fs/cgroup" / mount, path)


def _groups(root: Path) -> Iterator[tuple[list[str], PurePosixPath]]:
    """Controllers and path of each group of this process."""
    return control_groups(read(root / "proc/self/cgroup") or "")


def _upwards(mount: Path, path: PurePosixPath) -> Iterator[Path]:
    """A group's folder and its parents up to the mount; inside a container the mount is the container's group."""
    for group in (path, *path.parents):
        yield mount / group.relative_to("/")
