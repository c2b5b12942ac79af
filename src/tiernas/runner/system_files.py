"""The small files in which a device describes what its latencies depend on, so that they can be judged elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

_PATTERNS = (
    "proc/cpuinfo",
    "proc/device-tree/hypervisor/compatible",
    "proc/meminfo",
    "proc/self/cgroup",
    "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor",
    "sys/devices/system/cpu/cpu0/topology/thread_siblings_list",
    "sys/devices/system/cpu/cpufreq/boost",
    "sys/devices/system/cpu/intel_pstate/no_turbo",
    "sys/devices/system/cpu/smt/active",
    "sys/hypervisor/type",
)
_OF_GROUPS = ("cpu.max", "memory.max", "cpu.cfs_quota_us", "cpu.cfs_period_us", "memory.limit_in_bytes")
"""Files of a control group, of both versions."""


def system_files(root: Path = Path("/")) -> Mapping[str, str]:
    """The contents of these files, by their path relative to the root; of a list of all cores, those of the first.

    Args:
        root: Folder that contains `proc` and `sys` (Linux; elsewhere there are none).
    """
    paths = [path for pattern in _PATTERNS for path in sorted(root.glob(pattern))]
    found: dict[str, str] = {}
    for path in (*paths, *_of_groups(root)):
        with contextlib.suppress(OSError, UnicodeDecodeError):  # an offline core
            found[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8").partition("\n\n")[0]
    return found


def control_groups(text: str) -> Iterator[tuple[list[str], PurePosixPath]]:
    """Controllers and path of each control group of a process; no controllers for version 2.

    Args:
        text: The contents of its `cgroup` file in `proc`.
    """
    for line in text.splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if hierarchy.isdigit() and path.startswith("/"):
            inside = PurePosixPath("/" if "/.." in path else path)  # ".." refers to groups that are not visible here
            yield [name for name in controllers.split(",") if name], inside


def _of_groups(root: Path) -> Iterator[Path]:
    """Where the limits of this process's control groups, and of those above them, may be."""
    try:
        text = (root / "proc/self/cgroup").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    for controllers, inside in control_groups(text):
        for mount in dict.fromkeys([",".join(controllers), *controllers]):
            for group in (inside, *inside.parents):
                for file in _OF_GROUPS:
                    yield root / "sys/fs/cgroup" / mount / group.relative_to("/") / file
