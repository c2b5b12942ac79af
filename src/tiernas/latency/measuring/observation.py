"""What is measured of one network."""

from __future__ import annotations

from dataclasses import dataclass

from tiernas.engines import Measurement


@dataclass(frozen=True, slots=True)
class Observation:
    """A network measured whole, and what the engine's profile says of its layers.

    Attributes:
        graph: `graph_digest` of its ONNX graph.
        measurement: The whole network, measured without profiling.
        layer_ms: Profiled time of each layer of `architecture.layers`, in ms; their sum is near the measured latency,
            not equal to it.
    """

    graph: str
    measurement: Measurement
    layer_ms: tuple[float, ...]
