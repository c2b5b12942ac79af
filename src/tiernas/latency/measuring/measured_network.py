"""One network measured, compared and profiled: the result of `tiernas latency measure`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tiernas.engines import Fingerprint, Measurement
from tiernas.engines.other_work import is_crowded
from tiernas.latency.measuring.comparison import NetworkComparison, PrecisionComparison
from tiernas.latency.measuring.profile import ProfiledPart

if TYPE_CHECKING:
    from tiernas.networks import Cost

_CLEAR = 0.05
"""The machine was quiet at times if the relative width of the interval of the anchor's latency is at most this."""


@dataclass(frozen=True, slots=True)
class MeasuredNetwork:
    """The measurements of one network.

    Attributes:
        network: The user's name for it.
        kind: The kind of thing that the name refers to.
        input_shape: Shape of the images, NCHW.
        cost: Parameters and multiply-accumulates; None if unknown.
        fingerprint: What it was measured on.
        graph: `graph_digest` of its ONNX graph.
        measurement: Its latency, measured interleaved with an anchor (that of an ONNX file is a copy of itself) or, in
            a comparison, with the other network.
        calibration: Number of images that int8 was calibrated with; 0 for noise, which is valid only for the latency;
            None for precisions without calibration.
        parts: Layers in execution order, or nodes, slowest first; empty without a profile.
        comparison: Comparison with a more exact precision; None unless requested.
        against: Comparison with another network; None unless requested.
        spare_cores: Cores that the network does not need and others may use; 0 if unknown, on other devices.
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
    spare_cores: int = 0

    @property
    def by_layer(self) -> bool:
        """Whether the parts are layers, not nodes."""
        return any(part.kind for part in self.parts)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What disturbed the measurements and what to do about it; empty if nothing did."""
        measured = [(self.fingerprint.precision, self.measurement)]
        if self.comparison:
            measured.append((self.comparison.precision, self.comparison.measurement))
        if self.against:
            measured = [(self.network, self.measurement), (self.against.network, self.against.measurement)]
        return tuple(message for name, found in measured for message in _warnings(name, found, self.spare_cores))

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """Everything, serializable as JSON.

        Args:
            top: Number of nodes to list; layers are always complete.
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
        """The parts to show: all layers, or the `top` slowest nodes."""
        return self.parts if self.by_layer else self.parts[:top]


def _warnings(network: str, measurement: Measurement, spare_cores: int) -> Iterator[str]:
    if is_crowded(measurement.other_load, spare_cores):
        yield (
            f"{network}: {measurement.other_load:.1f} cores were busy with other work during the measurement, so "
            "the latency may be too high; stop that work and measure again"
        )
    found = measurement.in_turn
    assert found is not None
    width = max(found.anchor_ms, found.anchor_high_ms) / found.anchor_low_ms - 1
    if width > _CLEAR:
        yield (
            f"{network}: the machine was never quiet: the latency may be up to {100 * width:.0f} % too high; the ratio "
            "remains valid"
        )
    if measurement.unstable:
        width = (found.ratio_high - found.ratio_low) / found.ratio
        yield f"{network}: the interval of its ratio is {100 * width:.0f} % wide; more --seconds narrow it"
