"""What was measured of the factors, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tiernas.engines import Fingerprint, Measurement
from tiernas.errors import UsageError
from tiernas.latency.factors.variants import Base, Factor, get_factor, variants
from tiernas.networks import Cost


@dataclass(frozen=True, slots=True)
class FactorBlock:
    """The variants of one factor on one engine, measured between two measurements of the base.

    Attributes:
        fingerprint: What they were measured on.
        factor: What was varied.
        values: The `n` values.
        costs: Size of each variant.
        measurements: Latency of each variant.
        before: Latency of the base just before the first variant.
        after: Latency of the base just after the last one.
    """

    fingerprint: Fingerprint
    factor: Factor
    values: tuple[str | float, ...]
    costs: tuple[Cost, ...]
    measurements: tuple[Measurement, ...]
    before: Measurement
    after: Measurement

    @property
    def engine(self) -> str:
        """Engine and precision, as people read them."""
        return f"{self.fingerprint.engine} {self.fingerprint.precision}"

    def to_dict(self) -> dict[str, Any]:
        """The block as what JSON can hold."""
        return asdict(self) | {"fingerprint": self.fingerprint.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FactorBlock:
        """The block that `to_dict` made a mapping of.

        Raises:
            KeyError, TypeError, ValueError: A key is missing, or a value is of another kind or number.
        """
        values = tuple(data["values"])
        if not values or not all(isinstance(value, str | int | float) for value in values):
            raise UsageError("values: must be texts or numbers, at least one")
        costs = tuple(Cost(int(size["params"]), int(size["macs"])) for size in data["costs"])
        measurements = tuple(Measurement.from_dict(found) for found in data["measurements"])
        if not len(values) == len(costs) == len(measurements) or not all(cost.macs > 0 for cost in costs):
            raise UsageError(f"{len(values)} values have {len(costs)} costs and {len(measurements)} measurements")
        return cls(
            Fingerprint.from_dict(data["fingerprint"]),
            get_factor(data["factor"]),
            values,
            costs,
            measurements,
            Measurement.from_dict(data["before"]),
            Measurement.from_dict(data["after"]),
        )


@dataclass(frozen=True, slots=True)
class FactorCost:
    """What one value of a factor costs, compared with the base.

    Attributes:
        factor: The factor.
        label: Its value as people read it.
        value: Its value.
        is_base: Whether the base has this value, so that the network is the base, measured once more.
        engine: Engine and precision.
        latency_ms: Median latency.
        ratio: Over the latency of the base at that time, which is interpolated between the two measurements of it.
        ratio_low: Lower end of the variant's nominal 95 % interval over the upper end of the slowest measurement of
            the base in the study. Equal networks differ by more than the interval of one measurement, since each is
            compiled anew and the machine drifts; all measurements of the base tell by how much.
        ratio_high: Upper end of it over the lower end of the fastest measurement of the base.
        params: Trainable parameters.
        macs: Multiply-accumulates per image.
        macs_ratio: Over those of the base.
        ms_per_gmac: Latency per 10^9 multiply-accumulates of the batch.
        unstable: Whether the measurement of the variant or one of the base was unstable.
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
    """What the factors cost around a base, on one engine or several.

    Attributes:
        base: The network around which they were varied.
        base_cost: Its size.
        blocks: What was measured, in the order it was.
    """

    base: Base
    base_cost: Cost
    blocks: tuple[FactorBlock, ...]

    def costs(self) -> list[FactorCost]:
        """One entry per engine and value, in the order of the blocks."""
        bases = self.base_measurements()
        return [found for block in self.blocks for found in self._of_block(block, bases[block.engine])]

    def base_measurements(self) -> dict[str, list[Measurement]]:
        """All measurements of the base, by engine and precision: those around blocks, and variants equal to it."""
        found: dict[str, list[Measurement]] = {}
        for block in self.blocks:
            equal = self._equal_to_base(block)
            own = [m for value, m in zip(block.values, block.measurements, strict=True) if value in equal]
            found.setdefault(block.engine, []).extend([block.before, *own, block.after])
        return found

    def base_medians_ms(self) -> dict[str, float]:
        """Median of all measurements of the base, by engine and precision, in ms."""
        return {
            engine: float(np.median([m.latency_ms for m in found]))
            for engine, found in self.base_measurements().items()
        }

    def base_spreads(self) -> dict[str, float]:
        """Largest less smallest measurement of the base over their median, by engine and precision."""
        medians = self.base_medians_ms()
        return {
            engine: (max(m.latency_ms for m in found) - min(m.latency_ms for m in found)) / medians[engine]
            for engine, found in self.base_measurements().items()
        }

    def _equal_to_base(self, block: FactorBlock) -> set[str | float]:
        base = self.base.architecture
        return {variant.value for variant in variants(base, block.factor) if variant.architecture == base}

    def _of_block(self, block: FactorBlock, bases: Sequence[Measurement]) -> Iterator[FactorCost]:
        before, after = block.before, block.after
        bases_low, bases_high = min(m.low_ms for m in bases), max(m.high_ms for m in bases)
        equal = self._equal_to_base(block)
        steps = len(block.values) + 1
        measured = zip(block.values, block.costs, block.measurements, strict=True)
        for step, (value, size, found) in enumerate(measured, start=1):
            base_ms = before.latency_ms + (after.latency_ms - before.latency_ms) * step / steps
            yield FactorCost(
                factor=block.factor,
                label=block.factor.label(value),
                value=value,
                is_base=value in equal,
                engine=block.engine,
                latency_ms=found.latency_ms,
                ratio=found.latency_ms / base_ms,
                ratio_low=found.low_ms / bases_high,
                ratio_high=found.high_ms / bases_low,
                params=size.params,
                macs=size.macs,
                macs_ratio=size.macs / self.base_cost.macs,
                ms_per_gmac=found.latency_ms / (size.macs * block.fingerprint.batch) * 1e9,
                unstable=found.unstable or before.unstable or after.unstable,
            )

    def to_dict(self) -> dict[str, Any]:
        """The study as what JSON can hold."""
        bases, medians, spreads = self.base_measurements(), self.base_medians_ms(), self.base_spreads()
        fingerprints = {block.engine: block.fingerprint.to_dict() for block in self.blocks}
        return {
            "base": self.base.name,
            "architecture": asdict(self.base.architecture),
            "num_classes": self.base.num_classes,
            **asdict(self.base_cost),
            "engines": [
                {
                    "engine": engine,
                    "base_ms": medians[engine],
                    "base_spread": spreads[engine],
                    "base_measurements_ms": [m.latency_ms for m in bases[engine]],
                    "fingerprint": fingerprint,
                }
                for engine, fingerprint in fingerprints.items()
            ],
            "costs": [asdict(found) for found in self.costs()],
        }
