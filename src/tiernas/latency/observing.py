"""Measures one network whole and splits it into its layers."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tiernas.engines import (
    CompiledNetwork,
    Engine,
    Measurement,
    NodeTime,
    StopRule,
    device_lock,
    graph_digest,
    measure,
    measure_loads,
)
from tiernas.latency.observation import Observation
from tiernas.networks import export_untrained
from tiernas.spaces import Architecture

_LAYER = re.compile(r"/blocks/blocks\.(\d+)/")
"""How `tiernas.networks.export_onnx` names the nodes of a layer."""

MEASURE_ATTEMPTS = 3
"""How often a network whose measurement was unstable is measured, unless told otherwise."""


def observe(
    architecture: Architecture,
    num_classes: int,
    engine: Engine,
    rule: StopRule | None = None,
    *,
    attempts: int = 1,
) -> Observation:
    """Exports, compiles, measures and profiles one network with random weights, alone on its device.

    It is loaded once: of two networks measured a little worse a table learns more than of one measured well.

    Args:
        architecture: The network.
        num_classes: Its classes.
        engine: What to measure with.
        rule: How long to measure.
        attempts: An unstable measurement is repeated so often; the one with the least rank counts.
    """
    with _exported(architecture, num_classes, engine.batch) as path, engine.compile(path) as network:
        with device_lock(network.fingerprint.device_slug):
            measurement = measure_repeatedly(network, rule, attempts)
            nodes = network.profile()
        return Observation(graph_digest(path), measurement, by_layer(nodes, len(architecture.layers)))


def measure_architecture(
    architecture: Architecture,
    num_classes: int,
    engine: Engine,
    clock: Callable[[CompiledNetwork], Measurement] = measure_loads,
) -> Measurement:
    """Exports, compiles and measures one network with random weights.

    Args:
        architecture: The network.
        num_classes: Its classes.
        engine: What to measure with.
        clock: Measures the compiled network.
    """
    with _exported(architecture, num_classes, engine.batch) as path, engine.compile(path) as network:
        return clock(network)


def measure_repeatedly(
    network: CompiledNetwork, rule: StopRule | None = None, attempts: int = MEASURE_ATTEMPTS
) -> Measurement:
    """Measures a network as it is loaded, again while it is unstable; the measurement with the least rank counts."""
    found = [measure(network, rule)]
    while found[-1].unstable and len(found) < attempts:
        found.append(measure(network, rule))
    return min(found, key=lambda measurement: measurement.rank)


def by_layer(nodes: Iterable[NodeTime], num_layers: int) -> tuple[float, ...]:
    """Sums the times of nodes by the layer that they belong to, in ms.

    A layout change belongs to the layer that needs it. What belongs to no layer (the network's last reorder) is
    the head's.
    """
    layer_ms = [0.0] * num_layers
    for node in nodes:
        indices = _LAYER.findall(node.name)
        layer_ms[int(indices[-1]) if indices else num_layers - 1] += node.time_ms
    return tuple(layer_ms)


@contextmanager
def _exported(architecture: Architecture, num_classes: int, batch: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
        path = Path(folder) / "network.onnx"
        export_untrained(architecture, num_classes, path, batch=batch)
        yield path
