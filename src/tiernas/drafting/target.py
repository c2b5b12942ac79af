"""The deployment engine of a search that is drafted, and what would disturb its measurements."""

from __future__ import annotations

from collections.abc import Iterator

from tiernas.doctor import Severity, Status
from tiernas.doctor.diagnosis import machine_findings
from tiernas.doctor.engines import try_engine
from tiernas.doctor.load import load_findings, observe_load
from tiernas.engines.local_devices import has_gpu
from tiernas.errors import UsageError

_ON_CPUS = ("openvino", "onnxruntime", "torch")
_ON_GPUS = ("tensorrt", "tensorrt-rtx")


def working_engine(precision: str) -> str:
    """Name of the first engine that works on this machine in a precision: on its GPU if it has one, else on its CPU.

    Raises:
        UsageError: None does; the message says why each does not.
    """
    reasons = []
    for name in _ON_GPUS + _ON_CPUS if has_gpu() else _ON_CPUS:
        trial = try_engine(name, precision)
        if trial.status is Status.WORKS:
            return name
        reasons.append(f"{name}: {trial.detail}")
    raise UsageError(f"no engine works here in {precision}:\n  " + "\n  ".join(reasons))


def disturbances() -> Iterator[str]:
    """What would disturb measurements on this machine, a line each; observes it for a second."""
    for finding in (*load_findings(observe_load()), *machine_findings()):
        if finding.level is Severity.WARNING:
            yield f"{finding.topic}: {finding.found}; {finding.fix}"
