"""What else runs on the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tiernas.doctor.finding import Finding, Severity

_LEAST_CORES = 0.25
"""Less load of others than this is there on any machine, and measuring in turn takes it out."""
_LEAST_SHARE = 0.05
"""On a machine with many cores a load below this share of it is a note."""
_LEAST_STEAL = 0.01
_SHOWN = 3
_INTERPRETERS = ("python", "java", "node", "perl", "ruby")


@dataclass(frozen=True, slots=True)
class BusyProcess:
    """A process and how many cores it kept busy.

    Attributes:
        pid: Its number.
        name: Its name, with the script that it runs where it is an interpreter.
        cores: Cores that it kept busy, on average.
    """

    pid: int
    name: str
    cores: float


@dataclass(frozen=True, slots=True)
class Load:
    """What others did while nothing was done here.

    Attributes:
        cores: Cores of the machine.
        busy_cores: Cores that others kept busy, on average.
        steal: Share of the machine's time that the hypervisor gave to other machines.
        processes: Those that were seen to use CPU time, the busiest first; a container sees only its own.
    """

    cores: int
    busy_cores: float
    steal: float
    processes: Sequence[BusyProcess]


def observe_load(seconds: float = 1.0) -> Load:
    """Does nothing for some seconds and looks at what others do.

    Args:
        seconds: How long; the system counts busy time in steps of 10 ms.
    """
    cores = psutil.cpu_count() or 1
    begin, times, spent = time.perf_counter(), psutil.cpu_times(), _spent_s()
    time.sleep(seconds)
    elapsed_s, later, spent_later = time.perf_counter() - begin, psutil.cpu_times(), _spent_s()
    used = {
        pid: (now_s - spent.get(pid, now_s)) / elapsed_s for pid, now_s in spent_later.items() if pid != os.getpid()
    }
    busiest = sorted((pid for pid, share in used.items() if share > 0), key=lambda pid: -used[pid])
    steal_s = getattr(later, "steal", 0.0) - getattr(times, "steal", 0.0)
    return Load(
        cores=cores,
        busy_cores=max(0.0, _busy_s(later) - _busy_s(times)) / elapsed_s,
        steal=max(0.0, steal_s) / (elapsed_s * cores),
        processes=[BusyProcess(pid, _command(pid), used[pid]) for pid in busiest],
    )


def load_findings(load: Load) -> list[Finding]:
    """What is wrong with a load."""
    found = []
    if load.busy_cores >= _LEAST_CORES:
        named = ", ".join(f"{p.cores:.2f} {p.name} (process {p.pid})" for p in load.processes[:_SHOWN])
        found.append(
            Finding(
                Severity.WARNING if load.busy_cores >= _LEAST_SHARE * load.cores else Severity.NOTE,
                "load of others",
                f"{load.busy_cores:.2f} of {load.cores} cores are busy: {named or 'with processes not seen from here'}",
                "They take the core away in the midst of an inference, and share caches, memory and heat in any case: "
                "measurements take longer, and tell less.",
                "stop them or wait for their end; watch them with: top -o %CPU",
            )
        )
    if load.steal >= _LEAST_STEAL:
        found.append(
            Finding(
                Severity.WARNING,
                "stolen time",
                f"the hypervisor gave {load.steal:.0%} of this machine's time to others",
                "It stops this machine in the midst of an inference.",
                "use an instance with dedicated cores (not a burstable one), or repeat when its host is less busy",
            )
        )
    return found


def _spent_s() -> Mapping[int, float]:
    """CPU time of every process so far, in s, by its number."""
    spent = ((process.pid, process.info["cpu_times"]) for process in psutil.process_iter(["cpu_times"]))
    return {pid: times.user + times.system for pid, times in spent if times is not None}  # None: must not be looked at


def _command(pid: int) -> str:
    """A process's name, with its script where it is an interpreter; nothing else of its command line is shown."""
    try:
        process = psutil.Process(pid)
        name = str(process.name())
        if not name.startswith(_INTERPRETERS):
            return name
        script = next((word for word in process.cmdline()[1:] if not word.startswith("-")), "")
    except psutil.Error:
        return "?"
    return f"{name} {Path(script).name}".strip()


def _busy_s(times: object) -> float:
    return sum(float(getattr(times, name, 0.0)) for name in ("user", "nice", "system", "irq", "softirq"))
