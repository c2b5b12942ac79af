"""Other load on the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tiernas.doctor.finding import Finding, Severity
from tiernas.engines.other_work import busy_of

_LEAST_CORES = 0.25
"""A lower load of others is present on any machine, and interleaving cancels it out."""
_LEAST_SHARE = 0.05
"""On a machine with many cores, a load below this share of them is only a note."""
_LEAST_STEAL = 0.01
_SHOWN = 3
_INTERPRETERS = ("python", "java", "node", "perl", "ruby")


@dataclass(frozen=True, slots=True)
class BusyProcess:
    """A process and the number of cores that it kept busy.

    Attributes:
        pid: Its process ID.
        name: Its name; for an interpreter, with the script that it runs.
        cores: Average number of cores that it kept busy.
    """

    pid: int
    name: str
    cores: float


@dataclass(frozen=True, slots=True)
class Load:
    """The load of other processes while this one was idle.

    Attributes:
        cores: Number of cores of the machine.
        busy_cores: Average number of cores that others kept busy.
        steal: Share of the machine's time that the hypervisor gave to other machines.
        processes: Processes that used CPU time, busiest first; a container sees only its own.
    """

    cores: int
    busy_cores: float
    steal: float
    processes: Sequence[BusyProcess]


def observe_load(seconds: float = 1.0) -> Load:
    """Waits for some seconds and observes the load of other processes.

    Args:
        seconds: Duration; the system counts busy time in steps of 10 ms.
    """
    cores = psutil.cpu_count() or 1
    begin, times, spent = time.perf_counter(), psutil.cpu_times(), _spent_s()
    time.sleep(seconds)
    elapsed_s, later, spent_later = time.perf_counter() - begin, psutil.cpu_times(), _spent_s()
    used = {
        pid: (now_s - spent.get(pid, now_s)) / elapsed_s for pid, now_s in spent_later.items() if pid != os.getpid()
    }
    busiest = sorted((pid for pid, share in used.items() if share > 0), key=lambda pid: -used[pid])
    busy_s = busy_of(later) - busy_of(times)
    steal_s = getattr(later, "steal", 0.0) - getattr(times, "steal", 0.0)
    return Load(
        cores=cores,
        busy_cores=max(0.0, busy_s - steal_s) / elapsed_s,
        steal=max(0.0, steal_s) / (elapsed_s * cores),
        processes=[BusyProcess(pid, _command(pid), used[pid]) for pid in busiest],
    )


def load_findings(load: Load) -> list[Finding]:
    """Findings about a load."""
    found = []
    if load.busy_cores >= _LEAST_CORES:
        named = ", ".join(f"{p.cores:.2f} {p.name} (process {p.pid})" for p in load.processes[:_SHOWN])
        found.append(
            Finding(
                Severity.WARNING if load.busy_cores >= _LEAST_SHARE * load.cores else Severity.NOTE,
                "load of others",
                f"{load.busy_cores:.2f} of {load.cores} cores are busy: {named or 'with processes not visible here'}",
                "They interrupt inferences, and share caches, memory and heat in any case: measurements take longer "
                "and are less precise.",
                "stop them or wait until they end; watch them with: top -o %CPU",
            )
        )
    if load.steal >= _LEAST_STEAL:
        found.append(
            Finding(
                Severity.WARNING,
                "stolen time",
                f"the hypervisor gave {load.steal:.0%} of this machine's time to others",
                "It stops this machine during inferences.",
                "use an instance with dedicated cores (not a burstable one), or repeat when its host is less busy",
            )
        )
    return found


def _spent_s() -> Mapping[int, float]:
    """CPU time of every process so far, in s, by process ID."""
    spent = ((process.pid, process.info["cpu_times"]) for process in psutil.process_iter(["cpu_times"]))
    return {pid: times.user + times.system for pid, times in spent if times is not None}  # None: access denied


def _command(pid: int) -> str:
    """A process's name; for an interpreter, with its script. The rest of its command line is not shown."""
    try:
        process = psutil.Process(pid)
        name = str(process.name())
        if not name.startswith(_INTERPRETERS):
            return name
        script = next((word for word in process.cmdline()[1:] if not word.startswith("-")), "")
    except psutil.Error:
        return "?"
    return f"{name} {Path(script).name}".strip()
