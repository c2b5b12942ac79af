"""Measures an isolated layer: the method of the paper as written, as a baseline."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tiernas.blocks import Block, ModuleOptions
from tiernas.engines import Engine, Measurement, StopRule, measure
from tiernas.networks import repeatable_weights, vary_constants, write_onnx


def measure_layer(layer: Block, num_classes: int, engine: Engine, rule: StopRule | None = None) -> Measurement:
    """Exports, compiles and measures one layer as a network of its own, with random weights and inputs.

    Its latency includes costs that the layer does not have inside a network, such as layout conversions at both ends,
    and misses fusions with its neighbors; sums of such latencies are inaccurate for that reason (docs/latency.md).
    """
    with tempfile.TemporaryDirectory(prefix="tiernas-") as folder, repeatable_weights():
        path = Path(folder) / "layer.onnx"
        module = layer.module(ModuleOptions(num_classes))
        vary_constants(module)
        write_onnx(module, path, (engine.batch, *layer.in_shape))
        with engine.compile(path) as network:
            return measure(network, rule)
