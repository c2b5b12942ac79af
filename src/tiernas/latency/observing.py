"""Measures one network whole and splits it into its layers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tiernas.engines import Measurement, NodeTime, TurnRule, device_lock
from tiernas.latency.ladder import Ladder
from tiernas.latency.observation import Observation
from tiernas.latency.untrained import compiled
from tiernas.spaces import Architecture

_LAYER = re.compile(r"/blocks/blocks\.(\d+)/")
"""How `tiernas.networks.export_onnx` names the nodes of a layer."""


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
    with compiled(architecture, num_classes, ladder.engine) as (network, graph):
        with device_lock(network.fingerprint.device_slug):
            measurement = ladder.measure(network, rule, rung)
            nodes = network.profile()
        return Observation(graph, measurement, by_layer(nodes, len(architecture.layers)))


def measure_architecture(
    architecture: Architecture,
    num_classes: int,
    ladder: Ladder,
    rule: TurnRule | None = None,
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
    with compiled(architecture, num_classes, ladder.engine) as (network, _):
        return ladder.measure(network, rule, rung)


def by_layer(nodes: Sequence[NodeTime], num_layers: int) -> tuple[float, ...]:
    """Sums the times of nodes by the layer that they belong to, in ms.

    A layout change belongs to the layer that needs it. What a runtime has fused under a name of its own, such as a
    normalisation, belongs to the layer of the node that runs next; with none left (the network's last reorder), to the
    head.

    Args:
        nodes: In the order they run.
        num_layers: How many layers the network has.
    """
    layer_ms = [0.0] * num_layers
    layer = num_layers - 1
    for node in reversed(nodes):
        if indices := _LAYER.findall(node.name):
            layer = int(indices[-1])
        layer_ms[layer] += node.time_ms
    return tuple(layer_ms)
