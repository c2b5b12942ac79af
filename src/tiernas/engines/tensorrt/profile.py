"""Times of an engine's layers, under the names of the ONNX nodes that they were built from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tiernas.engines.engine import NodeTime

_ONNX_NODE = re.compile(r"\[ONNX Layer: ([^\]]+)\]")
"""The ONNX parser's mark of a layer; a fused layer has several, separated by control characters."""


class LayerTimes:
    """Sums the times that TensorRT reports, layer by layer and run by run."""

    def __init__(self) -> None:
        self._sums_ms: dict[str, float] = {}
        self.runs = 0

    def add(self, layer: str, time_ms: float) -> None:
        """Adds the time of one layer in one run."""
        self._sums_ms[layer] = self._sums_ms.get(layer, 0.0) + time_ms

    def means(self, onnx_nodes: Mapping[str, str]) -> list[NodeTime]:
        """Mean time of every layer over `runs` runs, in execution order.

        Args:
            onnx_nodes: Name of the first ONNX node of a layer, for layers that have one.
        """
        return [
            NodeTime(_name(layer, onnx_nodes.get(layer)), sum_ms / self.runs) for layer, sum_ms in self._sums_ms.items()
        ]


def profiler(trt: Any, times: LayerTimes) -> Any:
    """An IProfiler that reports to `times`, for a package with TensorRT's API."""

    class Profiler(trt.IProfiler):  # type: ignore[misc]  # the base is known at run time only
        def __init__(self) -> None:
            trt.IProfiler.__init__(self)

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            times.add(layer_name, ms)

    return Profiler()


def first_onnx_nodes(inspected: str) -> dict[str, str]:
    """The first ONNX node of every layer whose origin is known.

    Args:
        inspected: JSON of the engine inspector for an engine built with detailed profiling verbosity.
    """
    layers = json.loads(inspected)["Layers"]
    found = {}
    for layer in layers:
        if isinstance(layer, dict):  # without detailed verbosity it is only a name
            nodes = _ONNX_NODE.findall(layer.get("Metadata") or "")
            if nodes:
                found[layer["Name"]] = nodes[0]
    return found


def _name(layer: str, onnx_node: str | None) -> str:
    """A layer's name, starting with an ONNX node if one is known: Myelin's own names look like `__myl_Mul_myl0_3`."""
    return layer if onnx_node is None or layer.startswith(onnx_node) else f"{onnx_node} ({layer})"
