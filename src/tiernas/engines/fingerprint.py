"""What a latency depends on: the device, the engine, its settings, and the graph."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import onnx

from tiernas.errors import UsageError

_ISA = re.compile(
    r"avx2|avx_vnni|avx512f|avx512_?(vnni|bf16|fp16)|amx_(tile|bf16|int8|fp16)|asimd(dp|hp)?|sve2?|i8mm|bf16"
)
"""CPU flags that decide which kernels an engine selects (names as in /proc/cpuinfo on x86 and Arm)."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Under which conditions a latency was measured; latencies of unequal fingerprints must not be mixed.

    Attributes:
        device: Name of the device, such as "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz".
        engine: Name of the engine.
        engine_version: Version of the runtime.
        precision: Such as "fp32".
        batch: Images per inference.
        threads: Threads of one inference.
        flags: CPU flags that select kernels; for other devices the driver.
    """

    device: str
    engine: str
    engine_version: str
    precision: str
    batch: int
    threads: int
    flags: tuple[str, ...] = ()

    @property
    def device_slug(self) -> str:
        """The device as a short name of lower-case letters, digits and dashes."""
        return device_slug(self.device)

    def to_dict(self) -> dict[str, Any]:
        """The fingerprint as what JSON can hold."""
        return asdict(self) | {"flags": list(self.flags)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fingerprint:
        """The fingerprint that `to_dict` made a mapping of.

        Raises:
            UsageError: A key is missing or unknown.
        """
        names = sorted(f.name for f in fields(cls))
        if sorted(data) != names:
            raise UsageError(f"fingerprint: must have the keys {', '.join(names)}; has {', '.join(sorted(data))}")
        return cls(**{**data, "flags": tuple(data["flags"])})

    def differences(self, other: Fingerprint) -> dict[str, tuple[Any, Any]]:
        """Fields that are not equal, each with the value here and the value of the other."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def device_slug(device: str) -> str:
    """A device's name as lower-case letters, digits and dashes, without trade marks and clock."""
    plain = re.sub(r"\((r|tm|c)\)|@.*|\b(cpu|processor|with)\b", " ", device.lower())
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


@cache
def cpu_device() -> str:
    """Name of this machine's CPU; with family and model where a hypervisor hides which one it is."""
    info = _cpuinfo()
    name = info.get("model name") or platform.processor() or platform.machine()
    if not re.search(r"\d", name) and "cpu family" in info:
        name += f" family {info['cpu family']} model {info['model']}"
    return name


@cache
def cpu_flags() -> tuple[str, ...]:
    """The flags of this machine's CPU that select kernels, sorted."""
    info = _cpuinfo()
    return isa_flags((info.get("flags") or info.get("Features") or "").split())


def isa_flags(flags: Iterable[str]) -> tuple[str, ...]:
    """Those of a CPU's flags that decide which kernels an engine selects, sorted."""
    return tuple(sorted(flag for flag in flags if _ISA.fullmatch(flag)))


def graph_digest(onnx_path: Path) -> str:
    """16 hexadecimal digits that are the same for equal graphs, whatever their weights."""
    model = onnx.load(onnx_path)
    for tensor in model.graph.initializer:
        for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data"):
            tensor.ClearField(field)
    for node in model.graph.node:
        node.ClearField("doc_string")
    return hashlib.sha256(model.graph.SerializeToString(deterministic=True)).hexdigest()[:16]


def _cpuinfo() -> dict[str, str]:
    """The first core's entry of /proc/cpuinfo; empty where there is none."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}
