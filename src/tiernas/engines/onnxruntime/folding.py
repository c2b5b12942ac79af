"""Prepares ONNX networks for quantization: folds constants and infers the shapes of all tensors."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
from onnx import helper, numpy_helper

from tiernas.engines.onnx_file import OnnxNetwork
from tiernas.errors import UsageError

_LEAST_OPSET = 13
"""The first ONNX operator set whose DequantizeLinear supports one scale per channel."""
_IMAGE_RANK = 4
"""Axes of NCHW."""


def folded(network: OnnxNetwork) -> onnx.ModelProto:
    """The network with batch normalization and constants folded, means as pooling, and all shapes known.

    Raises:
        NotInstalledError: ONNX Runtime, which does the folding, is not installed.
        UsageError: ONNX Runtime cannot run the network, or its operator set is too old.
    """
    from tiernas.engines.onnxruntime.session import open_session

    opset = max(entry.version for entry in network.model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset < _LEAST_OPSET:
        raise UsageError(
            f"{network.path}: has ONNX operator set {opset}; int8 needs {_LEAST_OPSET} or newer: export it again with "
            "opset_version=17"
        )
    with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
        path = Path(folder) / "folded.onnx"
        open_session(network.model.SerializeToString(), network.path, fold_to=path)
        model = onnx.shape_inference.infer_shapes(onnx.load(path))
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    values = (*model.graph.input, *model.graph.value_info)
    images = {value.name for value in values if len(value.type.tensor_type.shape.dim) == _IMAGE_RANK}
    for node in model.graph.node:
        if node.op_type == "ReduceMean" and node.input[0] in images and _is_over_pixels(node, constants):
            # There is no int8 kernel for a mean, but one for pooling.
            node.CopyFrom(helper.make_node("GlobalAveragePool", node.input[:1], node.output, node.name))
    return model


def _is_over_pixels(mean: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> bool:
    """Whether a ReduceMean of NCHW averages over height and width and keeps both as axes of size 1."""
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in mean.attribute}
    axes = attributes.get("axes", [])
    if len(mean.input) > 1 and mean.input[1] in constants:  # since operator set 18
        axes = numpy_helper.to_array(constants[mean.input[1]]).tolist()
    return sorted(axis % _IMAGE_RANK for axis in axes) == [2, 3] and bool(attributes.get("keepdims", 1))
