"""ONNX networks in int8: explicit QuantizeLinear and DequantizeLinear pairs, placed as each runtime fuses them.

ONNX Runtime's own `quantize_static` knows no placement but the one for its kernels, quantises networks of the size that
a latency table is built from five times as slowly (it walks over the channels in Python), and leaves the squeeze of
squeeze-excitation in fp32.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tiernas.engines.calibration import FloatArray
from tiernas.engines.gelu import fuse_gelu
from tiernas.engines.onnx_file import OnnxNetwork
from tiernas.engines.qdq import QdqGraph
from tiernas.errors import UsageError

QUANTIZER = "tiernas-qdq 2"
"""Name and version of this quantiser; the version is raised whenever it makes other int8 networks than before."""

_LEAST_OPSET = 13
"""The first ONNX operator set whose DequantizeLinear takes one scale per channel."""
_IMAGE_RANK = 4
"""Axes of NCHW."""


def quantize_for_onnxruntime(
    network: OnnxNetwork, calibration: FloatArray, *, reduce_range: bool = False
) -> onnx.ModelProto:
    """A network as int8 for ONNX Runtime's CPU provider.

    Its kernels take and give int8, so everything between two of them is quantised: inputs and outputs of
    convolutions, both inputs of sums, swish, and squeeze-excitation with its gate. Activations are uint8 with a zero
    point, weights int8 per output channel, biases int32; the logits stay fp32, and so do GELU, softmax and layer
    normalisation, which have no int8 kernel.

    Args:
        network: The network in fp32.
        calibration: `n x channels x height x width`, `n` a multiple of the network's batch.
        reduce_range: Weights of 7 bits, for x86 CPUs without VNNI: they add pairs of products in 16 bits, which
            saturates.

    Raises:
        NotInstalledError: ONNX Runtime, which computes the ranges, is not installed.
        UsageError: ONNX Runtime cannot run the network, or its operator set is too old.
    """
    model = _folded(network)
    fuse_gelu(model)
    graph = QdqGraph(model)
    origins = graph.between_int8_kernels()
    ranges = _ranges(graph.model, set(origins.values()), network, calibration)
    graph.insert_pairs(origins, ranges, symmetric=False, greatest_weight=63 if reduce_range else 127)
    return graph.model


def quantize_for_tensorrt(network: OnnxNetwork, calibration: FloatArray) -> onnx.ModelProto:
    """A network as int8 for TensorRT and TensorRT-RTX.

    Pairs stand where NVIDIA's developer guide wants them (Working with Quantized Types, Q/DQ layer-placement
    recommendations): at the inputs of convolutions and matrix products; not at their outputs, which keeps them from
    fusing with what follows; and at one input of every sum, so that it fuses with the convolution before it.
    Convolutions of one pixel, such as the gates of squeeze-excitation, stay in floats: a pair costs more than it
    gains. Everything is int8 with zero point 0; weights have one scale per output channel, biases stay floats.

    Args:
        network: The network in fp32.
        calibration: `n x channels x height x width`, `n` a multiple of the network's batch.

    Raises:
        NotInstalledError: ONNX Runtime, which computes the ranges, is not installed.
        UsageError: ONNX Runtime cannot run the network, or its operator set is too old.
    """
    graph = QdqGraph(_folded(network))
    origins = graph.into_weights()
    ranges = _ranges(graph.model, set(origins.values()), network, calibration)
    graph.insert_pairs(origins, ranges, symmetric=True, greatest_weight=127)
    return graph.model


def _folded(network: OnnxNetwork) -> onnx.ModelProto:
    """The network with batch normalisation and constants folded, means as pooling, and all shapes known."""
    from tiernas.engines.onnxruntime import open_session

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
            # A mean has no int8 kernel; pooling has.
            node.CopyFrom(helper.make_node("GlobalAveragePool", node.input[:1], node.output, node.name))
    return model


def _is_over_pixels(mean: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> bool:
    """Whether a ReduceMean of NCHW is over height and width and keeps both as axes of size 1."""
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in mean.attribute}
    axes = attributes.get("axes", [])
    if len(mean.input) > 1 and mean.input[1] in constants:  # since operator set 18
        axes = numpy_helper.to_array(constants[mean.input[1]]).tolist()
    return sorted(axis % _IMAGE_RANK for axis in axes) == [2, 3] and bool(attributes.get("keepdims", 1))


def _ranges(
    model: onnx.ModelProto, tensors: Iterable[str], network: OnnxNetwork, calibration: FloatArray
) -> dict[str, tuple[float, float]]:
    """Least and greatest value of tensors, each the mean over batches.

    The mean is NNCF's choice for activations, too: what a single image has beyond the others saturates, rather than
    make the steps of all coarser.
    """
    from tiernas.engines.onnxruntime import open_session

    names = list(tensors)
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    outputs = []
    for i, name in enumerate(names):
        for operator in ("ReduceMin", "ReduceMax"):
            outputs.append(f"tiernas/{operator}/{i}")
            probed.graph.node.append(helper.make_node(operator, [name], outputs[-1:], keepdims=0))
            probed.graph.output.append(helper.make_tensor_value_info(outputs[-1], onnx.TensorProto.FLOAT, []))
    session = open_session(probed.SerializeToString(), network.path)
    batch = network.input_shape[0]
    batches = (calibration[i : i + batch] for i in range(0, len(calibration), batch))
    extremes = np.mean([session.run(outputs, {network.input_name: images}) for images in batches], axis=0)
    return {name: (float(extremes[2 * i]), float(extremes[2 * i + 1])) for i, name in enumerate(names)}
