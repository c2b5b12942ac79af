"""The measurements of the factors, and the costs derived from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tiernas.engines import Fingerprint, InTurn, Measurement
from tiernas.errors import UsageError
from tiernas.latency.factors.variants import Base, Factor, get_factor, variants
from tiernas.networks import Cost


@dataclass(frozen=True, slots=True)
class FactorSweep:
    """The variants of one factor on one engine, each measured interleaved with the base.

    Attributes:
        fingerprint: What they were measured on.
        factor: What was varied.
        values: The `n` values.
        costs: Size of each variant.
        measurements: Latency of each variant; its anchor is the base.
    """

    fingerprint: Fingerprint
    factor: Factor
    values: tuple[str | float, ...]
    costs: tuple[Cost, ...]
    measurements: tuple[Measurement, ...]

    @property
    def engine(self) -> str:
        """Engine and precision, for people."""
        return f"{self.fingerprint.engine} {self.fingerprint.precision}"

    def to_dict(self) -> dict[str, Any]:
        """The sweep, serializable as JSON."""
        return asdict(self) | {"fingerprint": self.fingerprint.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FactorSweep:
        """Inverse of `to_dict`.

        Raises:
            KeyError, TypeError, ValueError: A key is missing, a value has the wrong type, or the numbers of values
                differ.
        """
        values = tuple(data["values"])
        if not values or not all(isinstance(value, str | int | float) for value in values):
            raise UsageError("values: must be strings or numbers, at least one")
        costs = tuple(Cost(int(size["params"]), int(size["macs"])) for size in data["costs"])
        measurements = tuple(Measurement.from_dict(found) for found in data["measurements"])
        if not len(values) == len(costs) == len(measurements) or not all(cost.macs > 0 for cost in costs):
            raise UsageError(f"{len(values)} values have {len(costs)} costs and {len(measurements)} measurements")
        if any(measurement.in_turn is None for measurement in measurements):
            raise UsageError("measurements: must be interleaved with the base")
        return cls(Fingerprint.from_dict(data["fingerprint"]), get_factor(data["factor"]), values, costs, measurements)

    def turns(self) -> tuple[InTurn, ...]:
        """The ratio of each variant to the base."""
        return tuple(m.in_turn for m in self.measurements if m.in_turn is not None)


@dataclass(frozen=True, slots=True)
class FactorCost:
    """The cost of one value of a factor, compared with the base.

    Attributes:
        factor: The factor.
        label: Its value, for people.
        value: Its value.
        is_base: Whether the base has this value, so that the network is a copy of the base.
        engine: Engine and precision.
        latency_ms: The ratio times the base's undisturbed latency.
        ratio: Latency over that of the base, with which it was interleaved. Copies of one network may differ by about
            one percent, because of their placement in memory.
        ratio_low: Lower end of the 95 % interval of the ratio.
        ratio_high: Upper end of that interval.
        params: Trainable parameters.
        macs: Multiply-accumulates per image.
        macs_ratio: Multiply-accumulates over those of the base.
        ms_per_gmac: Latency per 10^9 multiply-accumulates of the batch.
        unstable: Whether the interval is wide.
    """

    factor: Factor
    label: str
    value: str | float
    is_base: bool
    engine: str
    latency_ms: float
    ratio: float
    ratio_low: float
    ratio_high: float
    params: int
    macs: int
    macs_ratio: float
    ms_per_gmac: float
    unstable: bool


@dataclass(frozen=True, slots=True)
class FactorStudy:
    """The cost of factors around a base, on one or more engines.

    Attributes:
        base: The network around which they were varied.
        base_cost: Its size.
        sweeps: The measurements, in chronological order.
    """

    base: Base
    base_cost: Cost
    sweeps: tuple[FactorSweep, ...]

    def costs(self) -> list[FactorCost]:
        """One entry per engine and value, in the order of the sweeps."""
        base_ms = self.base_ms()
        return [found for sweep in self.sweeps for found in self._of_sweep(sweep, base_ms[sweep.engine])]

    def base_ms(self) -> dict[str, float]:
        """Undisturbed latency of the base by engine and precision, in ms: the median over the measurements."""
        found: dict[str, list[float]] = {}
        for sweep in self.sweeps:
            found.setdefault(sweep.engine, []).extend(turns.anchor_ms for turns in sweep.turns())
        return {engine: float(np.median(seen_ms)) for engine, seen_ms in found.items()}

    def _of_sweep(self, sweep: FactorSweep, base_ms: float) -> Iterator[FactorCost]:
        base = self.base.architecture
        equal = {variant.value for variant in variants(base, sweep.factor) if variant.architecture == base}
        measured = zip(sweep.values, sweep.costs, sweep.measurements, sweep.turns(), strict=True)
        for value, size, found, turns in measured:
            yield FactorCost(
                factor=sweep.factor,
                label=sweep.factor.label(value),
                value=value,
                is_base=value in equal,
                engine=sweep.engine,
                latency_ms=turns.ratio * base_ms,
                ratio=turns.ratio,
                ratio_low=turns.ratio_low,
                ratio_high=turns.ratio_high,
                params=size.params,
                macs=size.macs,
                macs_ratio=size.macs / self.base_cost.macs,
                ms_per_gmac=turns.ratio * base_ms / (size.macs * sweep.fingerprint.batch) * 1e9,
                unstable=found.unstable,
            )

    def to_dict(self) -> dict[str, Any]:
        """The study, serializable as JSON."""
        fingerprints = {sweep.engine: sweep.fingerprint.to_dict() for sweep in self.sweeps}
        return {
            "base": self.base.name,
            "architecture": asdict(self.base.architecture),
            "num_classes": self.base.num_classes,
            **asdict(self.base_cost),
            "engines": [
                {"engine": engine, "base_ms": base_ms, "fingerprint": fingerprints[engine]}
                for engine, base_ms in self.base_ms().items()
            ],
            "costs": [asdict(found) for found in self.costs()],
        }
