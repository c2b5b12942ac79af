"""Settings of the CPU, the container and the hypervisor on which latencies depend.

Files: Documentation/admin-guide/pm/cpufreq.rst, .../pm/intel_pstate.rst and Documentation/ABI/testing/
sysfs-devices-system-cpu of the Linux kernel. On other systems these files do not exist and nothing is found.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tiernas.doctor.cgroup import cpu_limit
from tiernas.doctor.finding import Finding, Severity
from tiernas.doctor.system_file import read

_CPU = Path("sys/devices/system/cpu")


def governor(root: Path = Path("/")) -> Finding | None:
    """Cores whose clock follows the load instead of being fixed.

    Args:
        root: Folder that contains `sys`.
    """
    names = (read(path) for path in sorted((root / _CPU).glob("cpu[0-9]*/cpufreq/scaling_governor")))
    found = Counter(name for name in names if name)
    slow = {name: count for name, count in found.items() if name != "performance"}
    if not slow:
        return None
    return Finding(
        Severity.WARNING,
        "CPU governor",
        f"{', '.join(f'{name} on {count}' for name, count in slow.items())} of {found.total()} cores",
        "The clock rises only under load, so the same network is slower right after a pause.",
        "sudo cpupower frequency-set --governor performance",
    )


def boost(root: Path = Path("/")) -> Finding | None:
    """Boost clocks above the nominal one.

    Args:
        root: Folder that contains `sys`.
    """
    intel, other = _CPU / "intel_pstate/no_turbo", _CPU / "cpufreq/boost"
    if read(root / intel) == "0":
        off = f"echo 1 | sudo tee /{intel}"
    elif read(root / other) == "1":
        off = f"echo 0 | sudo tee /{other}"
    else:
        return None
    return Finding(
        Severity.NOTE,
        "turbo",
        "the CPU boosts its clock as far as heat and the other cores allow",
        "Latencies then depend on the temperature and on the load of other cores.",
        f"{off}, if the device will be deployed without turbo; otherwise measure on a cool, idle machine",
    )


def smt(root: Path = Path("/")) -> Finding | None:
    """CPUs that are two hardware threads of one core.

    Args:
        root: Folder that contains `sys`.
    """
    if read(root / _CPU / "smt/active") != "1":
        return None
    siblings = read(root / _CPU / "cpu0/topology/thread_siblings_list")
    return Finding(
        Severity.NOTE,
        "SMT",
        "two hardware threads share a core" + (f", such as CPUs {siblings}" if siblings else ""),
        "Work on one of them slows the other down, although a core seems free.",
        f"echo off | sudo tee /{_CPU}/smt/control, or use no more threads than half the CPUs and keep the others idle",
    )


def hypervisor(root: Path = Path("/")) -> Finding | None:
    """A virtual machine.

    Args:
        root: Folder that contains `proc` and `sys`.
    """
    flags = (read(root / "proc/cpuinfo") or "").partition("\nflags")[2].partition("\n")[0].split()
    kind = read(root / "sys/hypervisor/type")
    on_arm = (root / "proc/device-tree/hypervisor").is_dir()
    if "hypervisor" not in flags and not kind and not on_arm:
        return None
    return Finding(
        Severity.NOTE,
        "virtual machine",
        f"runs under a hypervisor{f' ({kind})' if kind else ''}",
        "Neighbors on the same machine share its cores, caches and memory, and their load is not visible from here.",
        "measure on the machine itself or on an instance with dedicated cores; to measure the noise: "
        "tiernas doctor --noise",
    )


def container_limit(cores: int, root: Path = Path("/")) -> Finding | None:
    """A limit on the share of CPU time of a container.

    Args:
        cores: Number of cores of the machine.
        root: Folder that contains `proc` and `sys`.
    """
    limit = cpu_limit(root)
    if limit is None or limit >= cores:
        return None
    return Finding(
        Severity.WARNING,
        "container limit",
        f"the container may use {limit:g} of {cores} cores' time",
        "Once the share is used up, it stops until the next period, usually of 100 ms, even during an inference.",
        "give it cores instead of a share: docker run --cpuset-cpus 0-1 without --cpus; in Kubernetes the static CPU "
        "manager policy with equal integer requests and limits",
    )


def affinity(allowed: int, cores: int) -> Finding | None:
    """Cores that this process is not allowed to use.

    Args:
        allowed: Number of cores that it may use.
        cores: Number of cores of the machine.
    """
    if allowed >= cores:
        return None
    return Finding(
        Severity.NOTE,
        "CPU affinity",
        f"this process may run on {allowed} of {cores} cores",
        "More threads than that wait for each other; others may use the same cores, which does not show as load.",
        f"use --threads {allowed} or fewer; widen the set with taskset, or docker run --cpuset-cpus",
    )
