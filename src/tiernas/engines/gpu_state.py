"""Which NVIDIA GPU is used, and its state: clocks, power, temperature, and reasons for reduced clocks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tiernas.errors import NotInstalledError

try:
    import pynvml
except ImportError:  # state and driver version remain unknown
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
        index: Its index among the GPUs visible to this process.
        name: Such as "NVIDIA L4".
        capability: Compute capability, such as (8, 9).
        uuid: Its identifier in NVML, whose indices include GPUs hidden by CUDA_VISIBLE_DEVICES.
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
        """Equal for GPUs that can run each other's engines, such as "NVIDIA L4 sm_89"."""
        return f"{self.name} {self.architecture}"

    @property
    def flags(self) -> tuple[str, ...]:
        """Architecture and driver, as stored in a fingerprint: ("sm_89", "driver 580.95.05")."""
        return (self.architecture, f"driver {_driver_version() or 'unknown'}")

    def state(self) -> dict[str, Any]:
        """Its current state.

        Returns:
            `sm_clock_mhz`, `sm_clock_max_mhz`, `memory_clock_mhz`, `power_w`, `power_limit_w`, `temperature_c` and
            `clock_event_reasons` (a list of words, empty at full clocks), as far as the GPU reports them; empty without
            nvidia-ml-py or NVML.
        """
        if not _nvml_works():
            return {}
        try:
            handle = pynvml.nvmlDeviceGetHandleByUUID(self.uuid)
        except pynvml.NVMLError:  # a slice of a GPU (MIG) has no clocks of its own
            return {}
        return supported(
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
    """The GPU that torch uses by default in this process; None without a GPU, or if torch was built without CUDA.

    Raises:
        NotInstalledError: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise NotInstalledError("torch, which runs networks on GPUs,", "train") from error
    if not torch.cuda.is_available():
        return None
    index = torch.cuda.current_device()
    properties = torch.cuda.get_device_properties(index)
    return Gpu(index, properties.name, (properties.major, properties.minor), f"GPU-{properties.uuid}")


def clock_event_reasons(mask: int) -> list[str]:
    """Words for a mask of NVML's clock event reasons; unknown bits of later NVML versions are shown as numbers."""
    bits = [1 << i for i in range(mask.bit_length()) if mask >> i & 1]
    return [_REASONS.get(bit, hex(bit)) for bit in bits]


def supported(queries: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """The results of NVML queries, without unsupported ones: laptops report no power limit, vGPUs no clocks."""
    answers = {}
    for name, query in queries.items():
        with contextlib.suppress(pynvml.NVMLError):
            answers[name] = query()
    return answers


def _nvml_works() -> bool:
    """Whether NVML is available; it is reference-counted, so initializing it again is cheap."""
    if pynvml is None:
        return False
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    return True


def _driver_version() -> str | None:
    return str(pynvml.nvmlSystemGetDriverVersion()) if _nvml_works() else None
