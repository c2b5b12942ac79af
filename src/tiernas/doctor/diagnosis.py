"""The complete diagnosis of a machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiernas import __version__
from tiernas.doctor import cpu, memory
from tiernas.doctor.engines import EngineTrial, Status, try_engines
from tiernas.doctor.finding import Finding
from tiernas.doctor.gpu import GpuReading, gpu_findings, read_gpus
from tiernas.doctor.load import load_findings, observe_load
from tiernas.doctor.noise import Noise
from tiernas.doctor.noise_trial import NoiseTrial
from tiernas.engines.fingerprint import cpu_device, cpu_flags


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine of a diagnosis.

    Attributes:
        device: Name of its CPU.
        flags: CPU flags that select kernels.
        cores: Number of its cores.
        python: Version of the Python with which it measures.
        system: Its operating system.
    """

    device: str
    flags: tuple[str, ...]
    cores: int
    python: str
    system: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What works on a machine and what disturbs measurements there.

    Attributes:
        machine: The machine.
        gpus: Its NVIDIA GPUs.
        trials: Results of trying the engines.
        findings: What disturbs measurements or what they depend on.
        noise: How noisy the machine is for networks; None if not requested.
    """

    machine: Machine
    gpus: tuple[GpuReading, ...]
    trials: tuple[EngineTrial, ...]
    findings: tuple[Finding, ...]
    noise: Noise | None = None

    @property
    def works(self) -> bool:
        """Whether at least one engine works."""
        return any(trial.status is Status.WORKS for trial in self.trials)

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis, serializable as JSON."""
        machine = self.machine
        return {
            "works": self.works,
            "tiernas": __version__,
            "python": machine.python,
            "system": machine.system,
            "devices": [
                {"device": machine.device, "cores": machine.cores, "flags": list(machine.flags)},
                *({"device": gpu.name, "driver": gpu.driver} for gpu in self.gpus),
            ],
            "engines": [trial.to_dict() for trial in self.trials],
            "findings": [finding.to_dict() for finding in self.findings],
            "noise": self.noise and self.noise.to_dict(),
        }


def diagnose(
    *,
    slow_engines: bool = False,
    noise: NoiseTrial | None = None,
    progress: Callable[[EngineTrial], None] = lambda trial: None,
) -> Diagnosis:
    """Observes the machine for a second, then tries the engines, then measures the noise.

    Args:
        slow_engines: Whether to try also the engines that take long to compile.
        noise: How to measure the noise; None: it is not measured.
        progress: Called after each engine and precision.
    """
    machine = Machine(cpu_device(), cpu_flags(), os.cpu_count() or 1, platform.python_version(), platform.platform())
    gpus = read_gpus()
    findings = [
        *load_findings(observe_load()),
        *machine_findings(),
        *(finding for gpu in gpus for finding in gpu_findings(gpu)),
    ]
    trials = []
    for trial in try_engines(slow=slow_engines):
        trials.append(trial)
        progress(trial)
    return Diagnosis(machine, tuple(gpus), tuple(trials), tuple(findings), noise.run() if noise else None)


def machine_findings(root: Path = Path("/"), *, cores: int | None = None, allowed: int | None = None) -> list[Finding]:
    """Findings about the settings of the CPU, the container and the memory.

    Args:
        root: Folder that contains `proc` and `sys`.
        cores: Number of cores of the machine; None for those of this one.
        allowed: Number of cores that the measuring process may use; None for all, or on this machine for those of this
            process.
    """
    if cores is None:
        cores = os.cpu_count() or 1
        allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    found = [
        cpu.governor(root),
        cpu.container_limit(cores, root),
        memory.memory(root),
        cpu.affinity(cores if allowed is None else allowed, cores),
        cpu.boost(root),
        cpu.smt(root),
        cpu.hypervisor(root),
        memory.swap(root),
    ]
    return [finding for finding in found if finding is not None]
