"""Profile of a network: the times of its layers, or of the engine's nodes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tiernas.blocks import Block
from tiernas.engines import NodeTime
from tiernas.spaces import Architecture

_LAYER = re.compile(r"/blocks/blocks\.(\d+)/")
"""Pattern of the node names that `tiernas.networks.export_onnx` gives a layer."""


@dataclass(frozen=True, slots=True)
class ProfiledPart:
    """A layer of a network of ours, or a node of the engine.

    Attributes:
        name: Index of the layer, or name of the node.
        kind: Kind of block with its settings; empty for nodes.
        shape: Input and output shape, such as channels x height x width; empty for nodes.
        time_ms: Its share of the network's latency, in ms.
        share: Its share of the profiled time of all parts, 0 to 1.
    """

    name: str
    kind: str
    shape: str
    time_ms: float
    share: float


def parts_of(
    nodes: Sequence[NodeTime], architecture: Architecture | None, latency_ms: float
) -> tuple[ProfiledPart, ...]:
    """The layers in execution order or, for a network that is not ours, the nodes, slowest first.

    Only shares are taken from the profile, because it is recorded at a different time than the latency, and profiling
    itself takes time.

    Args:
        nodes: Profiled times.
        architecture: The network's architecture, if it is ours.
        latency_ms: Latency of the network, in ms.
    """
    total_ms = sum(node.time_ms for node in nodes) or 1.0
    if architecture is None:
        named = [(node.name, "", "", node.time_ms) for node in sorted(nodes, key=lambda node: -node.time_ms)]
    else:
        layers = architecture.layers
        named = [
            (str(number), f"{layer.block} {layer.settings}", _shape(layer), time_ms)
            for number, (layer, time_ms) in enumerate(zip(layers, layer_times_ms(nodes, len(layers)), strict=True))
        ]
    return tuple(
        ProfiledPart(name, kind, shape, latency_ms * time_ms / total_ms, time_ms / total_ms)
        for name, kind, shape, time_ms in named
    )


def layer_times_ms(nodes: Sequence[NodeTime], num_layers: int) -> tuple[float, ...]:
    """Sums the times of nodes by layer, in ms.

    A layout conversion belongs to the layer that needs it. A node that a runtime fused under a name of its own, such as
    a normalization, belongs to the layer of the next node; if there is none (the network's last reorder), to the head.

    Args:
        nodes: Profiled times in execution order; without any there are no times of layers either.
        num_layers: Number of layers of the network.
    """
    if not nodes:
        return ()
    layer_ms = [0.0] * num_layers
    layer = num_layers - 1
    for node in reversed(nodes):
        if indices := _LAYER.findall(node.name):
            layer = int(indices[-1])
        layer_ms[layer] += node.time_ms
    return tuple(layer_ms)


def _shape(layer: Block) -> str:
    ends = ("x".join(map(str, shape)) for shape in (layer.in_shape, layer.out_shape))
    return " -> ".join(ends)
