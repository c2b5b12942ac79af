"""A tiny network for trying an engine, written as ONNX without torch, which a device need not have."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NUM_CLASSES = 4

_RESOLUTION = 32
_OPSET, _IR_VERSION = 17, 8
"""Versions of ONNX that every supported engine reads."""


def write_tiny_network(path: Path) -> None:
    """Writes a network with every kind of operator of a convolutional search space, and random weights.

    It takes `images`, `(1, 3, 32, 32)`, and returns `logits`, `(1, 4)`.
    """
    graph = _Graph()
    x = graph.swish(graph.conv("images", 3, 8, kernel=3, stride=2))
    x = graph.add("Relu", graph.conv(x, 8, 16, kernel=3, stride=2))
    inner = graph.swish(graph.conv(x, 16, 48))
    inner = graph.swish(graph.conv(inner, 48, 48, kernel=5, groups=48))
    x = graph.add("Add", x, graph.conv(graph.squeeze_excite(inner, 48, 12), 48, 16))
    pooled = graph.add("Flatten", graph.add("GlobalAveragePool", x), axis=1)
    graph.add("Gemm", pooled, graph.weights(16, NUM_CLASSES), graph.weights(NUM_CLASSES), output="logits")
    onnx.save(graph.model(), path)


class _Graph:
    """A graph that grows node by node; each method returns the name of its output."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = f"/{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output or name], name, **attributes))
        return output or name

    def weights(self, *shape: int) -> str:
        """Weights that keep the size of activations: their variance is that of one over the number of inputs."""
        fan_in = max(1, int(np.prod(shape[1:])))
        values = self._random.standard_normal(shape, dtype=np.float32) / math.sqrt(fan_in)
        self._weights.append(numpy_helper.from_array(values, f"weights_{len(self._weights)}"))
        return str(self._weights[-1].name)

    def conv(self, x: str, channels: int, filters: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> str:
        return self.add(
            "Conv",
            x,
            self.weights(filters, channels // groups, kernel, kernel),
            self.weights(filters),
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
            group=groups,
        )

    def swish(self, x: str) -> str:
        return self.add("Mul", x, self.add("Sigmoid", x))

    def squeeze_excite(self, x: str, channels: int, squeezed: int) -> str:
        gate = self.add("Relu", self.conv(self.add("GlobalAveragePool", x), channels, squeezed))
        return self.add("Mul", x, self.add("Sigmoid", self.conv(gate, squeezed, channels)))

    def model(self) -> onnx.ModelProto:
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, _RESOLUTION, _RESOLUTION))
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, NUM_CLASSES))
        graph = helper.make_graph(self._nodes, "tiny", [images], [logits], self._weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
