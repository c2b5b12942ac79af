"""The measurements of one network that a table stores."""

from __future__ import annotations

from dataclasses import dataclass

from tiernas.engines import Measurement


@dataclass(frozen=True, slots=True)
class Observation:
    """A network measured end to end, and the engine's profile of its layers, if it has one.

    Attributes:
        graph: `graph_digest` of its ONNX graph.
        measurement: The network end to end, measured without profiling.
        layer_ms: Profiled time of each layer of `architecture.layers`, in ms; their sum is close to the measured
            latency but not equal to it. Empty if the engine has no profile.
    """

    graph: str
    measurement: Measurement
    layer_ms: tuple[float, ...]
