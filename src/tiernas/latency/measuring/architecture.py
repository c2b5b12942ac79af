"""Measures one architecture with random weights: end to end, and optionally layer by layer."""

from __future__ import annotations

from tiernas.engines import Measurement, TurnRule
from tiernas.latency.measuring.ladder import Ladder
from tiernas.latency.measuring.observation import Observation
from tiernas.latency.measuring.profile import layer_times_ms
from tiernas.latency.measuring.untrained import compiled_untrained
from tiernas.spaces import Architecture


def measure_architecture(
    architecture: Architecture,
    num_classes: int,
    ladder: Ladder,
    rule: TurnRule | None = None,
    *,
    rung: int | None = None,
) -> Measurement:
    """Exports, compiles and measures one network with random weights, interleaved with an anchor.

    Args:
        architecture: The network.
        num_classes: Its number of classes.
        ladder: The anchors, on the engine to measure with.
        rule: When to stop.
        rung: Index of the anchor; the nearest by default.
    """
    with compiled_untrained(architecture, num_classes, ladder.engine) as (network, _):
        return ladder.measure(network, rule, rung)


def profile_architecture(
    architecture: Architecture,
    num_classes: int,
    ladder: Ladder,
    rule: TurnRule | None = None,
    *,
    rung: int | None = None,
) -> Observation:
    """Like `measure_architecture`, but also profiles the network.

    It is loaded once: a table learns more from two slightly less precise measurements than from one precise one.

    Args:
        architecture: The network.
        num_classes: Its number of classes.
        ladder: The anchors, on the engine to measure with.
        rule: When to stop.
        rung: Index of the anchor; the nearest by default.
    """
    with compiled_untrained(architecture, num_classes, ladder.engine) as (network, graph):
        with network.exclusively():
            measurement = ladder.measure(network, rule, rung)
            nodes = network.profile()
        return Observation(graph, measurement, layer_times_ms(nodes, len(architecture.layers)))
