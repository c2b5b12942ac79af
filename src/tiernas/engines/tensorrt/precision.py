"""Converts ONNX networks to the types of a strongly typed TensorRT network."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import version_converter

from tiernas.engines.calibration import FloatArray, calibration_images
from tiernas.engines.onnx_file import OnnxNetwork
from tiernas.engines.tensorrt.int8 import quantize
from tiernas.errors import NotInstalledError

_FP16_SCALES_OPSET = 19
"""The first ONNX operator set whose QuantizeLinear supports float16 (ONNX's Changelog.md)."""


def in_precision(network: OnnxNetwork, precision: str, calibration: FloatArray | None) -> bytes:
    """Converts a network to a precision; images and logits stay float32.

    fp32 leaves the network unchanged. fp16 casts weights and activations. int8 has Q/DQ pairs around quantized
    operators and fp16 for everything else, like int8 networks of NVIDIA's Model Optimizer for TensorRT
    (modelopt.onnx.quantization, `high_precision_dtype="fp16"`) and as suits TensorRT-RTX ("optimized for 16-bit
    floating point types", its guide, Work With Quantized Types).

    Args:
        network: The network in fp32.
        precision: "fp32", "fp16" or "int8".
        calibration: Images for int8, as in `tiernas.engines.calibration_images`.

    Returns:
        A serialized ONNX model.

    Raises:
        NotInstalledError: ONNX Runtime, which casts and quantizes, is not installed.
        UsageError: The calibration images are unsuitable, or the network cannot be quantized.
    """
    match precision:
        case "fp32":
            model = network.model
        case "fp16":
            model = _half(_copy(network.model))
        case _:
            images = calibration_images(calibration, network.input_shape)
            model = _half(_with_fp16_scales(quantize(network, images)))
    return bytes(model.SerializeToString())


def _with_fp16_scales(model: onnx.ModelProto) -> onnx.ModelProto:
    opset = max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset >= _FP16_SCALES_OPSET:
        return model
    converted: onnx.ModelProto = version_converter.convert_version(model, _FP16_SCALES_OPSET)
    return converted


def _half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Casts a model to float16, except for its float32 input and output."""
    try:
        from onnxruntime.transformers.float16 import convert_float_to_float16
    except ImportError as error:
        raise NotInstalledError("ONNX Runtime, which casts networks to fp16,", "tensorrt") from error
    half: onnx.ModelProto = convert_float_to_float16(model, keep_io_types=True)
    nodes = _sorted(half)
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    return half


def _sorted(model: onnx.ModelProto) -> Iterable[onnx.NodeProto]:
    """The nodes with the casts of inputs first; the converter appends them, which ONNX does not allow."""
    inputs = {value.name for value in model.graph.input}
    return sorted(model.graph.node, key=lambda node: not (node.op_type == "Cast" and node.input[0] in inputs))


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    return copied
