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
    TurnRule,
    device_lock,
    graph_digest,
    measure,
)
from tiernas.latency.ladder import Ladder
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
    ladder: Ladder,
    rule: TurnRule | None = None,
    *,
    rung: int | None = None,
) -> Observation:
    """Exports, compiles, measures in turn with an anchor, and profiles one network with random weights.

    It is loaded once: of two networks measured a little worse a table learns more than of one measured well.

    Args:
        architecture: The network.
        num_classes: Its classes.
        ladder: The anchors, on the engine to measure with.
        rule: When to stop.
        rung: Number of the anchor; the nearest by default.
    """
    with _exported(architecture, num_classes, ladder.engine.batch) as path, ladder.engine.compile(path) as network:
        with device_lock(network.fingerprint.device_slug):
            measurement = ladder.measure(network, rule, rung)
            nodes = network.profile()
        return Observation(graph_digest(path), measurement, by_layer(nodes, len(architecture.layers)))


def measure_architecture(
    architecture: Architecture,
    num_classes: int,
    ladder: Ladder | Engine,
    rule: TurnRule | Callable[[CompiledNetwork], Measurement] | None = None,
    *,
    rung: int | None = None,
) -> Measurement:
    """Exports, compiles and measures one network with random weights, in turn with an anchor.

    Args:
        architecture: The network.
        num_classes: Its classes.
        ladder: The anchors, on the engine to measure with.
        rule: When to stop.
        rung: Number of the anchor; the nearest by default.
    """
    engine = ladder.engine if isinstance(ladder, Ladder) else ladder
    with _exported(architecture, num_classes, engine.batch) as path, engine.compile(path) as network:
        if isinstance(ladder, Ladder):
            assert rule is None or isinstance(rule, TurnRule)
            return ladder.measure(network, rule, rung)
        assert callable(rule)
        return rule(network)


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
