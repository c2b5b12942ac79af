"""How the figures of an entry were obtained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, with_config

if TYPE_CHECKING:
    from tiernas.engines import Fingerprint

_Count = Annotated[int, Field(ge=1)]
_Amount = Annotated[float, Field(ge=0)]
_Time = Annotated[float, Field(gt=0)]


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True, slots=True)
class EarlierLatency:
    """A latency that an entry had before it was measured again; its fields are those of `tiernas.table.Entry`.

    Attributes:
        latency_ms: Latency on an undisturbed machine.
        latency_interval_ms: Its interval.
        latency_unstable: Whether the interval stayed wide.
        latency_found_ms: Median latency as found; None if unknown.
        measured_at: When, in UTC (ISO 8601).
    """

    latency_ms: _Time
    latency_interval_ms: tuple[_Time, _Time]
    latency_unstable: bool
    latency_found_ms: _Time | None
    measured_at: str


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True, slots=True)
class Provenance:
    """The images of the other splits, and how the latency was measured.

    Attributes:
        train_images: Images of the training split; None if unknown, of networks that were added.
        validation_images: Images of the validation split; None if unknown.
        runs: Timed inferences.
        loads: How often the network was loaded.
        spread: Coefficient of variation of the inferences: standard deviation over mean, as found.
        other_load: Average number of cores that other processes kept busy meanwhile.
        device_state: Clocks, power and throttling as reported by the device, before and after; empty on CPUs.
        flags: CPU flags that select kernels; for other devices the driver.
        governor: Frequency governor of the CPU's cores; None if the system does not report it.
        options: Options passed to the runtime, as one line; None if there were none.
        quantizer: Name and version of what made the network int8, or converted it; None if nothing did.
        code_version: Version of tiernas that measured it, with a digest of its code; None if unknown.
    """

    train_images: _Count | None
    validation_images: _Count | None
    runs: _Count
    loads: _Count
    spread: _Amount
    other_load: _Amount
    device_state: dict[str, Any]
    flags: tuple[str, ...]
    governor: str | None
    options: str | None
    quantizer: str | None
    code_version: str | None = None

    @classmethod
    def of(
        cls,
        latency: Mapping[str, Any],
        fingerprint: Fingerprint,
        code_version: str | None,
        *,
        train_images: int | None = None,
        validation_images: int | None = None,
    ) -> Provenance:
        """That of an entry.

        Args:
            latency: Fields of its `tiernas.engines.Measurement`; those of earlier versions lack some.
            fingerprint: What it was measured on.
            code_version: The code that measured it.
            train_images: Images of the training split.
            validation_images: Images of the validation split.
        """
        return cls(
            train_images=train_images,
            validation_images=validation_images,
            runs=latency["runs"],
            loads=latency.get("loads", 1),
            spread=latency["cv"],
            other_load=latency.get("other_load", 0.0),
            device_state=dict(latency.get("device_state", {})),
            flags=fingerprint.flags,
            governor=fingerprint.governor,
            options=fingerprint.options,
            quantizer=fingerprint.quantizer,
            code_version=code_version,
        )
