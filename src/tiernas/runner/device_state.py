"""What spoils measurements on a device: read before and after each of them."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tiernas.engines.fingerprint import cpu_governor
from tiernas.engines.measurement import Measurement
from tiernas.engines.other_work import is_crowded

_CLOCK_FELL = 0.8
"""A clock that fell below this share of what it was before, while the device was busy, was reduced by heat or power."""

_LEAST_MEMORY_MB = 100
"""With less free memory, the system discards and reads again what programs need."""

_FIRMWARE_BITS = {0: "under-voltage", 1: "capped clock", 2: "throttled", 3: "soft temperature limit"}
"""Bits of the firmware of a Raspberry Pi that hold at the moment (documentation of `vcgencmd get_throttled`)."""


@dataclass(frozen=True)
class DeviceState:
    """A device at a moment; None for what it does not report.

    Attributes:
        governor: Frequency governor of its cores.
        clock_mhz: Mean clock of its cores.
        temperature_c: The highest of its sensors.
        slowdowns: Why the firmware reduces the clock at the moment.
        throttled: How often its cores were slowed down by heat since it was started.
        load: Average number of runnable processes over the last minute.
        free_memory_mb: Memory that programs can have without swapping.
        swapped_in: Pages that were read back from swap since it was started.
    """

    governor: str | None = None
    clock_mhz: float | None = None
    temperature_c: float | None = None
    slowdowns: tuple[str, ...] = ()
    throttled: int | None = None
    load: float | None = None
    free_memory_mb: int | None = None
    swapped_in: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """What the device reports, serializable as JSON."""
        found = {name: value for name, value in asdict(self).items() if value is not None}
        return {**found, "slowdowns": list(self.slowdowns)}


def read_state(root: Path = Path("/")) -> DeviceState:
    """The state of this device.

    Args:
        root: Folder that contains `proc` and `sys` (Linux; elsewhere most is unknown).
    """
    cpus = root / "sys/devices/system/cpu"
    clocks_khz = _numbers(cpus, "cpu[0-9]*/cpufreq/scaling_cur_freq")
    temperatures_mc = _numbers(root / "sys/class/thermal", "thermal_zone*/temp")
    counts = _numbers(cpus, "cpu[0-9]*/thermal_throttle/*_throttle_count")
    return DeviceState(
        governor=cpu_governor(root),
        clock_mhz=round(sum(clocks_khz) / len(clocks_khz) / 1e3, 1) if clocks_khz else None,
        temperature_c=max(temperatures_mc) / 1e3 if temperatures_mc else None,
        slowdowns=_firmware_slowdowns(root / "sys/devices/platform"),
        throttled=sum(counts) if counts else None,
        load=_load(),
        free_memory_mb=meminfo_mb(root).get("MemAvailable"),
        swapped_in=_count(root / "proc/vmstat", "pswpin"),
    )


def disturbances(before: DeviceState, after: DeviceState, found: Measurement, spare_cores: int) -> tuple[str, ...]:
    """What disturbed a measurement, in words; empty if nothing did.

    Args:
        before: The device before it.
        after: The device after it.
        found: The measurement.
        spare_cores: Cores of the device that the network does not need and others may use.
    """
    said = []
    if before.governor != after.governor:
        said.append(f"the frequency governor changed from {before.governor} to {after.governor}")
    if before.clock_mhz and after.clock_mhz and after.clock_mhz < _CLOCK_FELL * before.clock_mhz:
        said.append(f"the clock fell from {before.clock_mhz:.0f} to {after.clock_mhz:.0f} MHz")
    if slowdowns := sorted({*before.slowdowns, *after.slowdowns}):
        said.append(f"the firmware reduced the clock: {', '.join(slowdowns)}")
    if _grew(before.throttled, after.throttled):
        said.append("cores were slowed down by heat")
    if is_crowded(found.other_load, spare_cores):
        said.append(f"other work kept {found.other_load:.1f} cores busy")
    if after.free_memory_mb is not None and after.free_memory_mb < _LEAST_MEMORY_MB:
        said.append(f"only {after.free_memory_mb} MB of memory are free")
    if _grew(before.swapped_in, after.swapped_in):
        said.append("memory was read back from swap")
    return tuple(said)


def meminfo_mb(root: Path = Path("/")) -> dict[str, int]:
    """Sizes in /proc/meminfo by their names, in MB (its kB are 1024 bytes); empty where there is no such file.

    Args:
        root: Folder that contains `proc`.
    """
    found = re.findall(r"^(\w+):\s+(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    return {name: int(kilobytes) // 1024 for name, kilobytes in found}


def _grew(before: int | None, after: int | None) -> bool:
    return before is not None and after is not None and after > before


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):  # Windows
        return None


def _firmware_slowdowns(platform: Path) -> tuple[str, ...]:
    for path in platform.glob("soc*/soc*:firmware/get_throttled"):
        with contextlib.suppress(OSError, ValueError):
            bits = int(path.read_text(encoding="ascii"), 16)
            return tuple(word for bit, word in _FIRMWARE_BITS.items() if bits >> bit & 1)
    return ()


def _numbers(folder: Path, pattern: str) -> list[int]:
    """The whole numbers in some files; those that cannot be read are left out."""
    found = []
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError, ValueError):  # an offline core, a sensor that is asleep
            found.append(int(path.read_text(encoding="ascii")))
    return found


def _count(path: Path, name: str) -> int | None:
    """The number behind a name at the beginning of a line."""
    found = re.search(rf"^{re.escape(name)}\s+(\d+)", _text(path), re.MULTILINE)
    return int(found[1]) if found else None


def _text(path: Path) -> str:
    """The text of a file; empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
