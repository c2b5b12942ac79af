"""NVIDIA GPUs and the settings on which their latencies depend (NVML, nvidia-ml-py). Not yet run on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tiernas.doctor.finding import Finding, Severity
from tiernas.engines.gpu_state import clock_event_reasons

_SLOWDOWNS = ("sw_power_cap", "hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown")
"""Those of NVML's clock event reasons that are not intended by the user."""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """NVML's readings of a GPU; None if NVML does not report a value.

    Attributes:
        index: Its index in nvidia-smi.
        name: Its name.
        driver: Version of the driver.
        persistent: Whether the driver stays loaded while the GPU is unused.
        utilization: Recent utilization, 0 to 1.
        processes: IDs of the processes that compute on it.
        slowdowns: Reasons for a reduced clock.
        max_clock_mhz: Maximum clock of its multiprocessors.
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
    """The NVIDIA GPUs of this machine; empty without nvidia-ml-py or a driver."""
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
    """What disturbs measurements on a GPU."""
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
            "They share its time and memory with the measured network.",
            "stop them or wait until they end; list them with: nvidia-smi",
        )
    if gpu.slowdowns:
        yield Finding(
            Severity.WARNING,
            topic,
            f"its clock is reduced: {', '.join(gpu.slowdowns)}",
            "Latencies then depend on heat and power.",
            f"let it cool down, and lock a clock that it can sustain: sudo nvidia-smi -i {gpu.index} -lgc MHZ",
        )
    if gpu.max_clock_mhz is not None:
        yield Finding(
            Severity.NOTE,
            topic,
            f"its clock varies up to {gpu.max_clock_mhz} MHz unless you locked it, which the driver does not report",
            "The first inferences after a pause run at a low clock.",
            f"sudo nvidia-smi -i {gpu.index} -lgc MHZ while measuring, sudo nvidia-smi -i {gpu.index} -rgc afterwards",
        )


def _read(nvml: Any, index: int) -> GpuReading:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)

    def ask(function: str, *arguments: Any) -> Any:
        """The result of an NVML function; None if this GPU or driver does not support it."""
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
