"""Which NVIDIA GPU is used, and what it is doing: clocks, power, temperature and what holds its clocks down."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

try:
    import pynvml
except ImportError:  # states and the driver's version stay unknown
    pynvml = None

_REASONS = {
    0x001: "gpu_idle",
    0x002: "applications_clocks_setting",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
}
"""Bits of nvmlDeviceGetCurrentClocksEventReasons (NVML API reference, group NvmlClocksEventReasons)."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """An NVIDIA GPU.

    Attributes:
        index: Its number among the GPUs that this process sees.
        name: Such as "NVIDIA L4".
        capability: Compute capability, such as (8, 9).
        uuid: By which NVML knows it: NVML counts GPUs that CUDA_VISIBLE_DEVICES hides.
    """

    index: int
    name: str
    capability: tuple[int, int]
    uuid: str

    @property
    def architecture(self) -> str:
        """The compute capability as compilers write it, such as "sm_89"."""
        return "sm_{}{}".format(*self.capability)

    @property
    def kind(self) -> str:
        """What GPUs have in common that can run an engine of each other: "NVIDIA L4 sm_89"."""
        return f"{self.name} {self.architecture}"

    @property
    def flags(self) -> tuple[str, ...]:
        """Architecture and driver, as a fingerprint holds them: ("sm_89", "driver 580.95.05")."""
        return (self.architecture, f"driver {_driver_version() or 'unknown'}")

    def state(self) -> dict[str, Any]:
        """What it is doing right now.

        Returns:
            Of `sm_clock_mhz`, `sm_clock_max_mhz`, `memory_clock_mhz`, `power_w`, `power_limit_w`, `temperature_c`
            and `clock_event_reasons` (a list of words, empty at full clocks) those that the GPU tells; nothing at all
            without nvidia-ml-py or without NVML.
        """
        if not _nvml_works():
            return {}
        try:
            handle = pynvml.nvmlDeviceGetHandleByUUID(self.uuid)
        except pynvml.NVMLError:  # a slice of a GPU (MIG) has no clocks of its own
            return {}
        return told(
            {
                "sm_clock_mhz": lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
                "sm_clock_max_mhz": lambda: pynvml.nvmlDeviceGetMaxClockInfo(handle, pynvml.NVML_CLOCK_SM),
                "memory_clock_mhz": lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM),
                "power_w": lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
                "power_limit_w": lambda: pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000,
                "temperature_c": lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU),
                "clock_event_reasons": lambda: clock_event_reasons(
                    pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
                ),
            }
        )


def find_gpu() -> Gpu | None:
    """The GPU that torch uses by default in this process; None where there is none, or torch was built without CUDA."""
    if not torch.cuda.is_available():
        return None
    index = torch.cuda.current_device()
    properties = torch.cuda.get_device_properties(index)
    return Gpu(index, properties.name, (properties.major, properties.minor), f"GPU-{properties.uuid}")


def clock_event_reasons(mask: int) -> list[str]:
    """Words for a mask of NVML's clock event reasons; a bit that NVML added later is shown as a number."""
    bits = [1 << i for i in range(mask.bit_length()) if mask >> i & 1]
    return [_REASONS.get(bit, hex(bit)) for bit in bits]


def told(queries: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Answers of NVML, without those that it has not on this GPU: laptops tell no power limit, vGPUs no clocks."""
    answers = {}
    for name, query in queries.items():
        with contextlib.suppress(pynvml.NVMLError):
            answers[name] = query()
    return answers


def _nvml_works() -> bool:
    """Whether NVML can be asked; it counts how often it was opened, so opening it again is cheap."""
    if pynvml is None:
        return False
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    return True


def _driver_version() -> str | None:
    return str(pynvml.nvmlSystemGetDriverVersion()) if _nvml_works() else None
