"""The diagnosis of another machine, made here from what its runner tells."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tiernas.devices import RemoteDevice
from tiernas.doctor.diagnosis import Diagnosis, Machine, machine_findings
from tiernas.doctor.engines import EngineTrial, try_engines
from tiernas.doctor.finding import Finding, Severity
from tiernas.doctor.load import Load, load_findings
from tiernas.doctor.noise_trial import NoiseTrial

_LEAST_DISK_MB = 500
"""Room for some networks of the space `gpunet`."""


def diagnose_device(
    device: RemoteDevice,
    *,
    noise: NoiseTrial | None = None,
    progress: Callable[[EngineTrial], None] = lambda trial: None,
) -> Diagnosis:
    """Observes a device for a second, then tries the engines that it could have, then measures the noise.

    Args:
        device: The device.
        noise: How to measure the noise, with an engine of the device; None: it is not measured.
        progress: Called after each engine and precision.
    """
    facts, found = device.facts, device.load_and_settings()
    machine = Machine(facts["device"], tuple(facts["flags"]), facts["cores"], facts["python"], facts["system"])
    findings = [
        *load_findings(Load(machine.cores, found["busy_cores"], 0.0, ())),
        *_settings(machine.cores, found),
        *_slowed_down(found["state"]["slowdowns"]),
        *_little_room(facts["folder"], facts["free_disk_mb"]),
    ]
    trials = []
    for trial in try_engines(slow=True, device=device):
        trials.append(trial)
        progress(trial)
    return Diagnosis(machine, (), tuple(trials), tuple(findings), noise.run() if noise else None)


def _settings(cores: int, found: Mapping[str, Any]) -> list[Finding]:
    """Findings about its system files, which are written into a folder that stands for its root."""
    with tempfile.TemporaryDirectory(prefix="tiernas-doctor-") as folder:
        root = Path(folder)
        for name, text in found["files"].items():
            path = root / name
            if path.resolve().is_relative_to(root.resolve()):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        return machine_findings(root, cores=cores, allowed=found["allowed_cores"])


def _slowed_down(slowdowns: Sequence[str]) -> Iterator[Finding]:
    if slowdowns:
        yield Finding(
            Severity.WARNING,
            "reduced clock",
            f"the firmware reduces the clock: {', '.join(slowdowns)}",
            "Every latency is too high as long as it does.",
            "use the power supply that the maker recommends, and a heat sink or a fan",
        )


def _little_room(folder: str, free_mb: int | None) -> Iterator[Finding]:
    if free_mb is not None and free_mb < _LEAST_DISK_MB:
        yield Finding(
            Severity.WARNING,
            "disk",
            f"{free_mb} MB are free in {folder}",
            "Networks are kept there, so that each is sent once.",
            f"free {_LEAST_DISK_MB} MB there, or set XDG_CACHE_HOME in the environment that ssh gives",
        )
