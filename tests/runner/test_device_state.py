from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tiernas.engines import Fingerprint
from tiernas.runner import networks
from tiernas.runner.device_state import DeviceState, disturbances, read_state
from tiernas.runner.kept import KeptFiles
from tiernas.runner.networks import Repetition
from tiernas.testing.latency import measurement

FILES = {
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "2400000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "4\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/class/thermal/thermal_zone1/temp": "not now\n",
    "proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable:    2097152 kB\n",
    "proc/vmstat": "nr_free_pages 1\npswpin 17\npswpout 4\n",
}


def test_state_of_a_raspberry_pi(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = read_state(tmp_path)
    assert dataclasses.replace(found, load=None) == DeviceState(
        governor="ondemand",
        clock_mhz=1950.0,
        temperature_c=48.312,
        slowdowns=("under-voltage", "throttled"),
        throttled=7,
        free_memory_mb=2048,
        swapped_in=17,
    )


def test_a_device_that_reports_nothing_has_a_state(tmp_path: Path) -> None:
    found = dataclasses.replace(read_state(tmp_path), load=None)
    assert found == DeviceState()
    assert found.to_dict() == {"slowdowns": []}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {}, None),
        ({"clock_mhz": 1000.0}, {"clock_mhz": 1500.0}, None),  # it was idle before
        ({"clock_mhz": 1800.0}, {"clock_mhz": 1200.0}, "the clock fell from 1800 to 1200 MHz"),
        ({"governor": "performance"}, {"governor": "powersave"}, "changed from performance to powersave"),
        ({}, {"slowdowns": ("under-voltage",)}, "the firmware reduced the clock: under-voltage"),
        ({"throttled": 3}, {"throttled": 3}, None),
        ({"throttled": 3}, {"throttled": 4}, "slowed down by heat"),
        ({}, {"free_memory_mb": 99}, "only 99 MB of memory are free"),
        ({"swapped_in": 3}, {"swapped_in": 30}, "read back from swap"),
        ({}, {"swapped_in": 30}, None),
    ],
)
def test_disturbances(before: dict[str, Any], after: dict[str, Any], said: str | None) -> None:
    found = disturbances(DeviceState(**before), DeviceState(**after), measurement(1.0), spare_cores=1)
    if said is None:
        assert found == ()
    else:
        (only,) = found
        assert said in only


def test_other_work_disturbs_if_it_takes_cores_that_are_needed() -> None:
    busy = dataclasses.replace(measurement(1.0), other_load=1.5)
    assert disturbances(DeviceState(), DeviceState(), busy, spare_cores=2) == ()
    assert disturbances(DeviceState(), DeviceState(), busy, spare_cores=1) == ("other work kept 1.5 cores busy",)


class Network:
    """What `_undisturbed` needs of a network."""

    fingerprint = Fingerprint("a device of this test", "openvino", "1", "fp32", 1, 1)


@pytest.mark.parametrize(("throttled", "tries", "disturbed"), [([0, 0], 1, False), ([0, 1, 1, 1], 2, False)])
def test_a_disturbed_measurement_is_done_again(
    monkeypatch: pytest.MonkeyPatch, throttled: list[int], tries: int, disturbed: bool
) -> None:
    states = iter([DeviceState(throttled=count) for count in throttled])
    monkeypatch.setattr(networks, "read_state", lambda: next(states))
    latencies = iter([9.0, 1.0])
    network: Any = Network()
    found = networks._undisturbed(network, lambda: measurement(next(latencies)), Repetition(3, 0.0))
    assert (found.tries, bool(found.disturbed)) == (tries, disturbed)
    assert found.measurement.latency_ms == (9.0 if tries == 1 else 1.0)


def test_where_something_always_disturbs_there_are_fewer_tries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counts = iter(range(100))
    monkeypatch.setattr(networks, "read_state", lambda: DeviceState(throttled=next(counts)))
    opened = networks.OpenNetworks(KeptFiles(tmp_path), tmp_path)
    network: Any = Network()
    tries = [opened._measured(network, lambda: measurement(1.0), Repetition(3, 0.0)).tries for _ in range(4)]
    assert tries == [3, 2, 1, 1]
    monkeypatch.setattr(networks, "read_state", lambda: DeviceState())
    assert opened._measured(network, lambda: measurement(1.0), Repetition(3, 0.0)).disturbed == ()
    monkeypatch.setattr(networks, "read_state", lambda: DeviceState(throttled=next(counts)))
    assert opened._measured(network, lambda: measurement(1.0), Repetition(3, 0.0)).tries == 3


def test_of_disturbed_measurements_the_narrowest_is_answered_and_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter(range(100))
    monkeypatch.setattr(networks, "read_state", lambda: DeviceState(throttled=next(counts)))
    widths = iter([0.3, 0.1, 0.2])
    network: Any = Network()

    def measure_once() -> Any:
        return dataclasses.replace(measurement(1.0), high_ms=1.0 + next(widths))

    found = networks._undisturbed(network, measure_once, Repetition(3, 0.0))
    assert found.tries == 3
    assert found.measurement.high_ms == pytest.approx(1.1)
    assert found.disturbed == ("cores were slowed down by heat",)
