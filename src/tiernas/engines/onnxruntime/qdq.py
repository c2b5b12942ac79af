"""Inserts pairs of QuantizeLinear and DequantizeLinear into an ONNX graph such that each runtime can fuse them.

ONNX Runtime's own `quantize_static` supports only the placement for its own kernels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

_WEIGHTED = ("Conv", "Gemm", "MatMul")
"""Operators whose weights are quantized per output channel."""
_INT8_KERNELS = ("Add", "Mul", "Sigmoid", "LeakyRelu", "Concat", "AveragePool", "GlobalAveragePool")
"""Other operators with int8 inputs and outputs in ONNX Runtime's CPU provider, each with ranges of their own."""
_SAME_RANGE = ("MaxPool", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze")
"""Operators that pass int8 values through: output and input share one range."""
_ABSORBED = ("Relu", "Clip")
"""Activations that saturation replaces: ONNX Runtime drops them if a QuantizeLinear follows and none precedes."""
_FLOAT_OR_UNKNOWN = (onnx.TensorProto.FLOAT, onnx.TensorProto.UNDEFINED)
"""Types of tensors that can be quantized."""
_LEAST_RANK = 2
"""Weights with fewer axes have no output channels: a vector by which a matrix is multiplied."""

_GREATEST_BIAS = 2.0**30
"""Largest quantized bias: half the range of int32, so that the sum of products still fits."""

_Array = npt.NDArray[np.generic]


class QdqGraph:
    """A network's graph into which pairs are inserted.

    Args:
        model: The network, with folded constants and known tensor shapes; modified in place.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._consumers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in model.graph.node:
            for name in node.input:
                self._consumers[name].append(node)
        values = [*model.graph.input, *model.graph.value_info, *model.graph.output]
        self._shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values}
        others = {v.name for v in values if v.type.tensor_type.elem_type not in _FLOAT_OR_UNKNOWN}
        self._fixed = self._constants.keys() | others

    def between_int8_kernels(self) -> dict[str, str]:
        """Activations to quantize so that every int8 kernel of ONNX Runtime can be used.

        Returns:
            The activations, each mapped to the one whose range it shares, usually itself.
        """
        origins: dict[str, str] = {}
        for node in self.model.graph.node:
            weighted = self._is_weighted(node)
            if weighted or (node.op_type in _INT8_KERNELS and self._fixed.isdisjoint(node.input)):
                inputs = node.input[:1] if weighted else node.input
                for name in (*inputs, self._behind_absorbed(node.output[0])):
                    origins.setdefault(name, name)
            elif node.op_type in _SAME_RANGE and node.input[0] in origins:
                origins[node.output[0]] = origins[node.input[0]]
        for output in self.model.graph.output:
            origins.pop(output.name, None)
        return origins

    def into_weights(self) -> dict[str, str]:
        """Activations to quantize so that weighted operators of more than one pixel and sums can run in int8.

        Returns:
            The activations, each mapped to itself.
        """
        origins = {
            node.input[0]: node.input[0]
            for node in self.model.graph.node
            if self._is_weighted(node) and self._shapes.get(node.output[0], [])[2:] != [1, 1]
        }
        for node in self.model.graph.node:
            if node.op_type == "Add" and (self._fixed | origins.keys()).isdisjoint(node.input):
                origins[node.input[1]] = node.input[1]
        return origins

    def insert_pairs(
        self,
        origins: Mapping[str, str],
        ranges: Mapping[str, tuple[float, float]],
        *,
        symmetric: bool,
        greatest_weight: int,
    ) -> None:
        """Quantizes activations, and the weights that they are multiplied with.

        Args:
            origins: Activations to quantize, each mapped to the one whose range it shares.
            ranges: Minimum and maximum of each of the latter.
            symmetric: If true, activations are int8 with zero point 0 and biases stay floats; otherwise activations
                are uint8 and biases int32.
            greatest_weight: Largest absolute value of a quantized weight.
        """
        scales = {name: (_symmetric if symmetric else _asymmetric)(*ranges[origin]) for name, origin in origins.items()}
        nodes: list[onnx.NodeProto] = []
        for value in self.model.graph.input:
            if value.name in scales:
                needed_by = self._consumers[value.name][0].name
                nodes += self._pair(value.name, f"{needed_by}/{value.name}", *scales[value.name])
        for node in self.model.graph.node:
            if self._is_weighted(node) and node.input[0] in scales:
                input_scale = scales[node.input[0]][0]
                nodes += self._quantize_weights(node, greatest_weight, None if symmetric else input_scale)
            for index, name in enumerate(node.input):
                if name in scales:
                    node.input[index] = _dequantized(name)
            nodes.append(node)
            for name in node.output:
                if name in scales:
                    nodes += self._pair(name, name, *scales[name])
        graph = self.model.graph
        used = {name for node in nodes for name in node.input}
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(nodes)
        graph.initializer.extend(tensor for name, tensor in self._constants.items() if name in used)

    def _is_weighted(self, node: onnx.NodeProto) -> bool:
        """Whether a node multiplies float activations, its first input, by constant weights, its second."""
        if node.op_type not in _WEIGHTED or node.input[0] in self._fixed or node.input[1] not in self._constants:
            return False
        return len(self._constants[node.input[1]].dims) >= _LEAST_RANK

    def _behind_absorbed(self, name: str) -> str:
        consumers = self._consumers[name]
        absorbed = len(consumers) == 1 and consumers[0].op_type in _ABSORBED
        return str(consumers[0].output[0]) if absorbed else name

    def _constant(self, name: str, values: _Array) -> str:
        self._constants[name] = numpy_helper.from_array(values, name)
        return name

    def _pair(self, name: str, label: str, scale: np.float32, zero: np.generic) -> list[onnx.NodeProto]:
        """The nodes that quantize an activation; their names start with the label."""
        parameters = [self._constant(f"{name}/scale", np.array(scale)), self._constant(f"{name}/zero", np.array(zero))]
        quantized = f"{name}/quantized"
        return [
            helper.make_node("QuantizeLinear", [name, *parameters], [quantized], f"{label}/QuantizeLinear"),
            helper.make_node(
                "DequantizeLinear", [quantized, *parameters], [_dequantized(name)], f"{label}/DequantizeLinear"
            ),
        ]

    def _quantize_weights(
        self, node: onnx.NodeProto, greatest: int, input_scale: np.float32 | None
    ) -> list[onnx.NodeProto]:
        """Gives a node int8 weights and, if the scale of its input is specified, an int32 bias.

        Returns:
            The nodes that dequantize them.
        """
        base = node.name or node.output[0]
        weights = numpy_helper.to_array(self._constants[node.input[1]])
        axis = _channel_axis(node, weights.ndim)
        others = tuple(i for i in range(weights.ndim) if i != axis)
        scale = np.abs(weights).max(axis=others) / greatest
        bias = None
        if input_scale is not None and len(node.input) > 2 and node.input[2] in self._constants:
            bias = self._bias_per_channel(node, len(scale))
        if bias is not None and input_scale is not None:
            scale = np.maximum(scale, np.abs(bias) / (input_scale * _GREATEST_BIAS))
        scale = np.where(scale > 0, scale, 1).astype(np.float32)
        whole = np.rint(weights / np.expand_dims(scale, others)).astype(np.int8)
        nodes = [self._dequantize(f"{base}/weight", whole, scale, axis)]
        if bias is not None and input_scale is not None:
            bias_scale = scale * input_scale
            nodes.append(self._dequantize(f"{base}/bias", np.rint(bias / bias_scale).astype(np.int32), bias_scale, 0))
        for index, dequantize in enumerate(nodes, start=1):
            node.input[index] = dequantize.output[0]
        return nodes

    def _bias_per_channel(self, node: onnx.NodeProto, channels: int) -> npt.NDArray[np.float64] | None:
        """A node's bias, one number per output channel; None if it differs between rows."""
        bias = numpy_helper.to_array(self._constants[node.input[2]]).astype(np.float64)
        if bias.size > 1 and (bias.size != channels or bias.shape[-1] != channels):
            return None
        return np.broadcast_to(bias.reshape(-1), (channels,))

    def _dequantize(self, name: str, values: _Array, scale: npt.NDArray[np.float32], axis: int) -> onnx.NodeProto:
        inputs = [
            self._constant(f"{name}/quantized", values),
            self._constant(f"{name}/scale", scale),
            self._constant(f"{name}/zero", np.zeros(scale.shape, values.dtype)),
        ]
        return helper.make_node("DequantizeLinear", inputs, [_dequantized(name)], f"{name}/DequantizeLinear", axis=axis)


def _dequantized(name: str) -> str:
    return f"{name}/dequantized"


def _channel_axis(node: onnx.NodeProto, rank: int) -> int:
    """Axis of the output channels of a node's weights."""
    if node.op_type == "Conv":
        return 0
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if transposed else rank - 1


def _symmetric(least: float, greatest: float) -> tuple[np.float32, np.int8]:
    """Scale and zero point of int8 for a range."""
    return np.float32(max(-least, greatest) / 127 or 1), np.int8(0)


def _asymmetric(least: float, greatest: float) -> tuple[np.float32, np.uint8]:
    """Scale and zero point of uint8 for a range, widened to include 0, which padding needs exactly."""
    least, greatest = min(least, 0.0), max(greatest, 0.0)
    scale = (greatest - least) / 255 or 1.0
    return np.float32(scale), np.uint8(round(-least / scale))
