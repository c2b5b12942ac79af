"""What a latency depends on: the device, the engine, its settings, and the graph."""

from __future__ import annotations

import contextlib
import hashlib
import platform
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from tiernas.errors import UsageError

_ISA = re.compile(
    r"avx2|avx_vnni|avx512f|avx512_?(vnni|bf16|fp16)|amx_(tile|bf16|int8|fp16)|asimd(dp|hp)?|sve2?|i8mm|bf16"
)
"""CPU flags that determine which kernels an engine selects (names as in /proc/cpuinfo on x86 and Arm)."""


@dataclass(frozen=True)
class Fingerprint:
    """The conditions of a measured latency; latencies with different fingerprints must not be mixed.

    A field is None if it does not apply or if a file of an earlier version lacks it; None never counts as a difference.

    Attributes:
        device: Name of the device, such as "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz".
        engine: Name of the engine.
        engine_version: Version of the runtime.
        precision: Such as "fp32".
        batch: Images per inference.
        threads: Threads of one inference.
        flags: CPU flags that select kernels; for other devices the driver.
        recipe: `Engine.recipe`, the version of how tiernas prepares a network for the runtime.
        options: Options passed to the runtime, as one line.
        quantizer: Name and version of what creates int8 networks, or converts networks for a runtime that does not read
            ONNX files.
        governor: Frequency governor of the CPU's cores, such as "performance".
        plugin: `package.module:Class` of an engine that is not built in; its name alone may not be unique.
        newer: Fields written by a later version of tiernas, unknown to this one; kept but not compared.
    """

    device: str
    engine: str
    engine_version: str
    precision: str
    batch: int
    threads: int
    flags: tuple[str, ...] = ()
    recipe: str | None = None
    options: str | None = None
    quantizer: str | None = None
    governor: str | None = None
    plugin: str | None = None
    newer: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def device_slug(self) -> str:
        """Short name of the device, in lower-case letters, digits and dashes."""
        return device_slug(self.device)

    def to_dict(self) -> dict[str, Any]:
        """The fingerprint, serializable as JSON, without unknown fields."""
        known = {name: value for name in _KNOWN if (value := getattr(self, name)) is not None}
        return known | {"flags": list(self.flags), **self.newer}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fingerprint:
        """The fingerprint that `to_dict` of this, an earlier or a later version serialized.

        Raises:
            UsageError: `data` is not a mapping, a key that every version writes is missing, or a value has the wrong
                type; the message names the key.
        """
        if not isinstance(data, Mapping):
            raise UsageError(f"fingerprint: must be an object, not {type(data).__name__}")
        found = {name: data[name] for name in _KNOWN if data.get(name) is not None}
        if missing := [name for name in _KNOWN if name not in _OPTIONAL and name not in found]:
            raise UsageError(f"fingerprint: has no {', '.join(missing)}")
        for name, value in found.items():
            if not _fits(name, value):
                raise UsageError(f"fingerprint: {name} = {reprlib.repr(value)}: must be {_kind(name)}")
        newer = {name: value for name, value in data.items() if name not in _KNOWN}
        return cls(**{**found, "flags": tuple(found["flags"]), "newer": newer})

    def differences(self, other: Fingerprint) -> dict[str, tuple[Any, Any]]:
        """Fields that differ, each with its own and the other's value; fields unknown to either are not compared."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self) if f.compare}
        return {name: pair for name, pair in pairs.items() if None not in pair and pair[0] != pair[1]}


_TEXTS, _COUNTS = ("device", "engine", "engine_version", "precision"), ("batch", "threads")
_OPTIONAL = ("recipe", "options", "quantizer", "governor", "plugin")
"""Fields that earlier versions did not write."""
_KNOWN = (*_TEXTS, *_COUNTS, "flags", *_OPTIONAL)

OF_DEVICE = ("device", "flags", "engine_version", "recipe", "options", "quantizer", "governor")
"""Fields that may differ between devices; the others are settings chosen by the user."""


def _fits(name: str, value: object) -> bool:
    if name in _COUNTS:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if name == "flags":
        return isinstance(value, (list, tuple)) and all(isinstance(flag, str) for flag in value)
    return isinstance(value, str) and value != ""


def _kind(name: str) -> str:
    if name in _COUNTS:
        return "a whole number, at least 1"
    return "a list of strings" if name == "flags" else "a string"


def device_slug(device: str) -> str:
    """A device's name in lower-case letters, digits and dashes, without trademarks and clock frequency."""
    plain = re.sub(r"\((r|tm|c)\)|@.*|\b(cpu|processor|with)\b", " ", device.lower())
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


@cache
def cpu_device() -> str:
    """Name of this machine's CPU."""
    return cpu_name(_cpuinfo())


def cpu_name(info: Mapping[str, str]) -> str:
    """Name of a CPU; with family and model if a hypervisor hides the name.

    Args:
        info: A core's entry of /proc/cpuinfo; empty if there is none.
    """
    name = info.get("model name") or platform.processor() or platform.machine()
    if not re.search(r"\d", name) and "cpu family" in info:
        name += f" family {info['cpu family']} model {info['model']}"
    return name


@cache
def cpu_flags() -> tuple[str, ...]:
    """The CPU flags of this machine that select kernels, sorted."""
    info = _cpuinfo()
    return isa_flags((info.get("flags") or info.get("Features") or "").split())


def cpu_governor(root: Path = Path("/")) -> str | None:
    """Frequency governor of the cores, or all of them, sorted, if cores differ; None if the system does not report it.

    Args:
        root: Folder that contains `sys` (Linux, Documentation/admin-guide/pm/cpufreq.rst).
    """
    found = set()
    for path in (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"):
        with contextlib.suppress(OSError):  # an offline core
            found.add(path.read_text(encoding="utf-8").strip())
    return ",".join(sorted(found)) or None


def isa_flags(flags: Iterable[str]) -> tuple[str, ...]:
    """The subset of CPU flags that determine which kernels an engine selects, sorted."""
    return tuple(sorted(flag for flag in flags if _ISA.fullmatch(flag)))


def graph_digest(onnx_path: Path) -> str:
    """16 hexadecimal digits that are equal for equal graphs, independent of their weights."""
    import onnx  # slow to import, and not needed for reading configurations or tables

    model = onnx.load(onnx_path)
    for tensor in model.graph.initializer:
        for values in ("raw_data", "float_data", "int32_data", "int64_data", "double_data"):
            tensor.ClearField(values)
    for node in model.graph.node:
        node.ClearField("doc_string")
    return hashlib.sha256(model.graph.SerializeToString(deterministic=True)).hexdigest()[:16]


def _cpuinfo() -> dict[str, str]:
    """The first core's entry of /proc/cpuinfo; empty if there is none."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}
