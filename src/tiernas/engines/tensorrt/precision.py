"""ONNX networks in the types that a strongly typed TensorRT network then has."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import version_converter

from tiernas.engines.calibration import FloatArray, calibration_images
from tiernas.engines.onnx_file import OnnxNetwork
from tiernas.engines.tensorrt.int8 import quantize
from tiernas.errors import NotInstalledError

_FP16_SCALES_OPSET = 19
"""The first ONNX operator set whose QuantizeLinear takes float16 (ONNX's Changelog.md)."""


def in_precision(network: OnnxNetwork, precision: str, calibration: FloatArray | None) -> bytes:
    """A network in a precision; images and logits stay float32.

    fp32 is the network as it is. fp16 casts weights and activations. int8 has Q/DQ pairs around what is quantised and
    fp16 for everything else: so NVIDIA's Model Optimizer writes int8 networks for TensorRT (modelopt.onnx.quantization,
    `high_precision_dtype="fp16"`), and TensorRT-RTX is made for it ("optimized for 16-bit floating point types", its
    guide, Work With Quantized Types).

    Args:
        network: The network in fp32.
        precision: "fp32", "fp16" or "int8".
        calibration: Images for int8, as `tiernas.engines.calibration_images` takes them.

    Returns:
        A serialized ONNX model.

    Raises:
        NotInstalledError: ONNX Runtime, which casts and quantises, is not installed.
        UsageError: The calibration images do not fit, or the network cannot be quantised.
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
    """Casts a model to float16 between float32 input and output."""
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
    """The nodes with the casts of inputs first: the converter appends them, which ONNX does not allow."""
    inputs = {value.name for value in model.graph.input}
    return sorted(model.graph.node, key=lambda node: not (node.op_type == "Cast" and node.input[0] in inputs))


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    return copied
