from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.engines.gpu_state import Gpu, clock_event_reasons, find_gpu, supported

pynvml = pytest.importorskip("pynvml")

GPU = Gpu(0, "NVIDIA L4", (8, 9), "GPU-00000000-0000-0000-0000-000000000000")


def test_reasons_are_those_of_nvml() -> None:
    mask = pynvml.nvmlClocksEventReasonSwPowerCap | pynvml.nvmlClocksEventReasonHwThermalSlowdown
    assert clock_event_reasons(mask) == ["sw_power_cap", "hw_thermal_slowdown"]
    assert clock_event_reasons(pynvml.nvmlClocksEventReasonNone) == []
    every = clock_event_reasons(pynvml.nvmlClocksEventReasonAll)
    assert not any(reason.startswith("0x") for reason in every)


@given(st.integers(0, 2**64 - 1))
def test_no_reason_is_lost(mask: int) -> None:
    reasons = clock_event_reasons(mask)
    assert len(set(reasons)) == len(reasons) == mask.bit_count()


def test_what_a_gpu_does_not_tell_is_left_out() -> None:
    def not_supported() -> int:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    assert supported({"sm_clock_mhz": lambda: 1980, "power_limit_w": not_supported}) == {"sm_clock_mhz": 1980}


def test_flags_name_architecture_and_driver() -> None:
    architecture, driver = GPU.flags
    assert architecture == "sm_89"
    assert driver.startswith("driver ")
    assert GPU.kind == "NVIDIA L4 sm_89"


def test_a_gpu_that_nvml_does_not_know_tells_nothing() -> None:
    assert GPU.state() == {}


@pytest.mark.skipif(find_gpu() is None, reason="no NVIDIA GPU here")
def test_state_of_a_real_gpu() -> None:
    gpu = find_gpu()
    assert gpu is not None
    state = gpu.state()
    assert state["sm_clock_mhz"] > 0
    assert 0 < state["temperature_c"] < 120
    assert all(isinstance(reason, str) for reason in state["clock_event_reasons"])
