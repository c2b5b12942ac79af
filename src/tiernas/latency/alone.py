"""A layer measured alone: the method of the paper as written, kept to be compared with."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tiernas.engines import Engine, Measurement, StopRule, measure
from tiernas.networks import build_layer, repeatable_weights, write_onnx
from tiernas.spaces import Layer


def measure_layer(layer: Layer, num_classes: int, engine: Engine, rule: StopRule | None = None) -> Measurement:
    """Exports, compiles and measures one layer as a network of its own, with random weights and inputs.

    Its latency has costs that the layer does not have inside a network, such as changes of layout at both ends, and
    lacks fusions with its neighbours; sums of such latencies are off for that reason (docs/latency.md).
    """
    with tempfile.TemporaryDirectory(prefix="tiernas-") as folder, repeatable_weights():
        path = Path(folder) / "layer.onnx"
        shape = (engine.batch, layer.in_channels, layer.in_size, layer.in_size)
        write_onnx(build_layer(layer, num_classes), path, shape)
        with engine.compile(path) as network:
            return measure(network, rule)
