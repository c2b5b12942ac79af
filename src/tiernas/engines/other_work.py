"""What other processes do on this machine while a network is timed."""

from __future__ import annotations

import os
import time
from pathlib import Path

_CROWDED = 0.25
"""Cores that others may keep busy beyond the spare ones before a measurement counts as disturbed."""

_LEAST_LOAD_S = 0.1
"""The system counts busy time in steps of 10 ms; over a shorter time than this, the load of others is unknown."""

_COUNTERS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""The first counters of a line of /proc/stat, in its order (proc_stat(5))."""

_BUSY = ("user", "nice", "system", "irq", "softirq", "steal")
"""Those of them in which a core is busy, or taken away by a hypervisor."""


def spare_cores_of(threads: int) -> int:
    """Cores of this machine that an inference on some threads does not need, and others may use."""
    return (os.cpu_count() or 1) - threads


def is_crowded(other_load: float, spare_cores: int) -> bool:
    """Whether others keep so many cores busy that they take some from an inference.

    Args:
        other_load: Cores that they keep busy on average.
        spare_cores: Cores that the inference does not need.
    """
    return other_load > spare_cores + _CROWDED


class OtherWork:
    """The activity of other processes on the cores of this machine since the object was created."""

    def __init__(self) -> None:
        self._preemptions = _preemptions()
        self._begin = time.perf_counter()
        self._busy_s, self._own_s = busy_s(), time.process_time()

    def so_far(self) -> tuple[int, float]:
        """How often they took a core from this process, and how many cores they kept busy on average.

        Both are 0 if the system does not report them.
        """
        elapsed_s = time.perf_counter() - self._begin
        preemptions = _preemptions() - self._preemptions
        now_s = busy_s()
        if elapsed_s < _LEAST_LOAD_S or now_s is None or self._busy_s is None:
            return preemptions, 0.0
        others_s = now_s - self._busy_s - (time.process_time() - self._own_s)
        return preemptions, round(max(0.0, others_s / elapsed_s), 3)


def busy_s(root: Path = Path("/")) -> float | None:
    """Total time that the cores of this machine have been busy so far, in s, including time stolen by a hypervisor.

    Args:
        root: Folder that contains `proc`.

    Returns:
        The time; None if the system does not report it: one without /proc, on which psutil is not installed.
    """
    try:
        line = (root / "proc/stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return _busy_by_psutil_s()
    ticks = dict(zip(_COUNTERS, map(int, line.split()[1:])))
    return sum(ticks.get(name, 0) for name in _BUSY) / os.sysconf("SC_CLK_TCK")


def busy_of(times: object) -> float:
    """The busy time in `psutil.cpu_times()`, in s, including time stolen by a hypervisor."""
    return float(sum(getattr(times, name, 0.0) for name in _BUSY))


def _busy_by_psutil_s() -> float | None:
    try:
        import psutil
    except ImportError:
        return None
    return busy_of(psutil.cpu_times())


def _preemptions() -> int:
    """Involuntary context switches of this process so far."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
