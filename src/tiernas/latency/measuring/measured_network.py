"""One network measured, compared and taken apart: the value behind `tiernas latency measure`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tiernas.engines import Fingerprint, Measurement
from tiernas.latency.measuring.comparison import NetworkComparison, PrecisionComparison
from tiernas.latency.measuring.profile import ProfiledPart
from tiernas.networks import Cost

_BUSY_CORES = 0.25
"""Cores that other work keeps busy from which a measurement is warned of."""

_CLEAR = 0.05
"""The machine was quiet at times where the interval of the anchor's latency is at most so wide, as a share of it."""


@dataclass(frozen=True, slots=True)
class MeasuredNetwork:
    """What was measured of one network.

    Attributes:
        network: What the user calls it.
        kind: What that names.
        input_shape: Shape of the images, NCHW.
        cost: Parameters and multiply-accumulates, where they are known.
        fingerprint: What it was measured on.
        graph: `graph_digest` of its ONNX graph.
        measurement: Its latency, measured in turn with an anchor; with the other network itself where it is compared.
        calibration: How many images int8 was calibrated with; 0 for noise, which tells the latency only; None for
            precisions that are not calibrated.
        parts: Layers in the order they run, or nodes, the dearest first; empty without a profile.
        comparison: With a more exact precision; None unless it was asked for.
        against: With another network; None unless it was asked for.
    """

    network: str
    kind: str
    input_shape: tuple[int, int, int, int]
    cost: Cost | None
    fingerprint: Fingerprint
    graph: str
    measurement: Measurement
    calibration: int | None
    parts: tuple[ProfiledPart, ...]
    comparison: PrecisionComparison | None = None
    against: NetworkComparison | None = None

    @property
    def by_layer(self) -> bool:
        """Whether the parts are layers, not nodes."""
        return any(part.kind for part in self.parts)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What spoiled the measurements and what to do about it; empty if nothing did."""
        measured = [(self.fingerprint.precision, self.measurement)]
        if self.comparison:
            measured.append((self.comparison.precision, self.comparison.measurement))
        if self.against:
            measured = [(self.network, self.measurement), (self.against.network, self.against.measurement)]
        return tuple(message for name, found in measured for message in _warnings(name, found))

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """Everything as what JSON can hold.

        Args:
            top: How many nodes to list; layers are always all there.
        """
        return {
            "network": self.network,
            "kind": self.kind,
            "input_shape": list(self.input_shape),
            "params": self.cost and self.cost.params,
            "macs": self.cost and self.cost.macs,
            "fingerprint": {**self.fingerprint.to_dict(), "graph": self.graph},
            "calibration_images": self.calibration,
            "measurement": dataclasses.asdict(self.measurement),
            "profile": [dataclasses.asdict(part) for part in self.listed(top)],
            "comparison": self.comparison and self.comparison.to_dict(),
            "against": self.against and self.against.to_dict(self.network),
            "warnings": list(self.warnings),
        }

    def listed(self, top: int | None = None) -> tuple[ProfiledPart, ...]:
        """The parts to show: all layers, or so many of the dearest nodes."""
        return self.parts if self.by_layer else self.parts[:top]


def _warnings(network: str, measurement: Measurement) -> Iterator[str]:
    if measurement.other_load > _BUSY_CORES:
        yield (
            f"{network}: {measurement.other_load:.1f} cores were busy with other work while measuring; "
            "stop it and measure again, or the latency may be too high"
        )
    found = measurement.in_turn
    assert found is not None
    width = max(found.anchor_ms, found.anchor_high_ms) / found.anchor_low_ms - 1
    if width > _CLEAR:
        yield (
            f"{network}: the machine was never quiet: the latency may be up to {100 * width:.0f} % too high; the ratio "
            "holds all the same"
        )
    if measurement.unstable:
        width = (found.ratio_high - found.ratio_low) / found.ratio
        yield f"{network}: the interval of its ratio is {100 * width:.0f} % wide; more --seconds narrow it"
