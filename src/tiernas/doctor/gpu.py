"""NVIDIA GPUs and the settings on which their latencies depend (NVML, nvidia-ml-py). Not yet run on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tiernas.doctor.finding import Finding, Severity
from tiernas.engines.gpu_state import clock_event_reasons

_SLOWDOWNS = ("sw_power_cap", "hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown")
"""Of NVML's clock event reasons those that nobody asked for."""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """What NVML says of a GPU; None where it does not tell.

    Attributes:
        index: Its number for nvidia-smi.
        name: Its name.
        driver: Version of the driver.
        persistent: Whether the driver stays loaded when nobody uses the GPU.
        utilization: Share of the last moments in which it computed.
        processes: Numbers of the processes that compute on it.
        slowdowns: Why its clock is lower than it could be.
        max_clock_mhz: Highest clock of its multiprocessors.
    """

    index: int
    name: str
    driver: str
    persistent: bool | None = None
    utilization: float | None = None
    processes: tuple[int, ...] = ()
    slowdowns: tuple[str, ...] = ()
    max_clock_mhz: int | None = None


def read_gpus() -> list[GpuReading]:
    """The NVIDIA GPUs of this machine; none without nvidia-ml-py or without a driver."""
    try:
        pynvml: Any = import_module("pynvml")
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_read(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()


def gpu_findings(gpu: GpuReading) -> Iterator[Finding]:
    """What spoils measurements on a GPU."""
    topic = f"GPU {gpu.index}"
    if gpu.persistent is False:
        yield Finding(
            Severity.WARNING,
            topic,
            "persistence mode is off",
            "The driver is unloaded between programs and forgets locked clocks.",
            f"sudo nvidia-smi -i {gpu.index} -pm 1",
        )
    if gpu.processes or (gpu.utilization or 0.0) > 0.05:
        busy = "" if gpu.utilization is None else f", busy for {gpu.utilization:.0%} of the time"
        yield Finding(
            Severity.WARNING,
            topic,
            f"{len(gpu.processes)} other processes compute on it{busy}",
            "They share its time and memory with what is measured.",
            "stop them or wait for their end; see them with: nvidia-smi",
        )
    if gpu.slowdowns:
        yield Finding(
            Severity.WARNING,
            topic,
            f"its clock is lowered: {', '.join(gpu.slowdowns)}",
            "A latency then depends on heat and power.",
            f"let it cool, and lock a clock that it can hold: sudo nvidia-smi -i {gpu.index} -lgc MHZ",
        )
    if gpu.max_clock_mhz is not None:
        yield Finding(
            Severity.NOTE,
            topic,
            f"its clock moves up to {gpu.max_clock_mhz} MHz unless you have locked it; the driver does not tell",
            "The first inferences after a pause run on a low clock.",
            f"sudo nvidia-smi -i {gpu.index} -lgc MHZ while measuring, sudo nvidia-smi -i {gpu.index} -rgc afterwards",
        )


def _read(nvml: Any, index: int) -> GpuReading:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)

    def ask(function: str, *arguments: Any) -> Any:
        """What NVML answers; None where this GPU or this driver has no answer."""
        try:
            return getattr(nvml, function)(handle, *arguments)
        except (nvml.NVMLError, AttributeError):
            return None

    reasons = clock_event_reasons(ask("nvmlDeviceGetCurrentClocksEventReasons") or 0)
    mode = ask("nvmlDeviceGetPersistenceMode")
    rates = ask("nvmlDeviceGetUtilizationRates")
    return GpuReading(
        index=index,
        name=ask("nvmlDeviceGetName") or "unknown GPU",
        driver=nvml.nvmlSystemGetDriverVersion(),
        persistent=None if mode is None else bool(mode),
        utilization=None if rates is None else rates.gpu / 100,
        processes=tuple(process.pid for process in ask("nvmlDeviceGetComputeRunningProcesses") or ()),
        slowdowns=tuple(reason for reason in reasons if reason in _SLOWDOWNS),
        max_clock_mhz=ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM),
    )
