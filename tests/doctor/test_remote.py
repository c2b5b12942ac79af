"""The doctor of another machine, which is this one with a runner."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.devices.conftest import NearHost

from tiernas.devices import RemoteDevice
from tiernas.devices.connection import Connection
from tiernas.doctor import NoiseTrial, Severity, Status, diagnose_device
from tiernas.engines import get_engine
from tiernas.engines.fingerprint import cpu_device
from tiernas.spaces import get_space


class Near(RemoteDevice):
    """A device that could have one engine."""

    def engine_names(self) -> tuple[str, ...]:
        return ("onnxruntime",)


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Near]:
    with Connection(NearHost(tmp_path_factory.mktemp("near"))) as connection:
        yield Near(connection)


class Odd(Near):
    """A device that is slowed down, busy, small, and written by somebody who means harm."""

    def load_and_settings(self) -> Mapping[str, Any]:
        files = {
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand",
            "proc/meminfo": "MemTotal: 4000000 kB\nMemAvailable: 500000 kB\n",
            "../../evil": "x",
        }
        state = {"slowdowns": ["under-voltage"]}
        return {"files": files, "allowed_cores": None, "busy_cores": 1.5, "state": state}

    @property
    def facts(self) -> Mapping[str, Any]:
        return {**super().facts, "free_disk_mb": 12, "cores": 4}


def test_engines_are_tried_there(device: Near) -> None:
    seen: list[str] = []
    found = diagnose_device(device, progress=lambda trial: seen.append(trial.engine))
    assert found.works
    assert (found.machine.device, found.machine.cores) == (cpu_device(), os.cpu_count())
    assert seen == [trial.engine for trial in found.trials]
    trials = {(trial.engine, trial.precision): trial for trial in found.trials}
    for precision in ("fp32", "int8"):
        assert trials["onnxruntime", precision].status is Status.WORKS
        assert trials["onnxruntime", precision].device == cpu_device()
    assert found.to_dict()["devices"][0]["device"] == cpu_device()


def test_what_disturbs_there_is_found(device: Near) -> None:
    found = diagnose_device(Odd(device._connection)).findings
    topics = {finding.topic: finding for finding in found}
    assert topics.keys() == {"load of others", "CPU governor", "memory", "reduced clock", "disk"}
    assert all(finding.level is Severity.WARNING for finding in found)
    assert "1.50 of 4 cores are busy" in topics["load of others"].found
    assert "under-voltage" in topics["reduced clock"].found
    assert "12 MB are free" in topics["disk"].found


@pytest.mark.slow
def test_the_noise_is_that_of_the_device(device: Near) -> None:
    trial = NoiseTrial(get_space("gpunet-small"), get_engine("onnxruntime", device=device), 1.0)
    found = diagnose_device(device, noise=trial).noise
    assert found is not None
    assert found.observed_s > 0.5
    assert found.slowdown >= 1
