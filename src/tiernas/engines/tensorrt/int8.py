"""int8 networks for TensorRT: pairs of QuantizeLinear and DequantizeLinear where it fuses them."""

from __future__ import annotations

import onnx

from tiernas.engines.calibration import FloatArray
from tiernas.engines.onnx_file import OnnxNetwork
from tiernas.engines.onnxruntime.folding import folded
from tiernas.engines.onnxruntime.qdq import QdqGraph
from tiernas.engines.onnxruntime.ranges import ranges_of


def quantize(network: OnnxNetwork, calibration: FloatArray) -> onnx.ModelProto:
    """Quantizes a network to int8 for TensorRT and TensorRT-RTX.

    Pairs are placed as NVIDIA's developer guide recommends (Working with Quantized Types, Q/DQ layer-placement
    recommendations): at the inputs of convolutions and matrix products; not at their outputs, where they would prevent
    fusion with what follows; and at one input of every sum, so that it fuses with the preceding convolution.
    Convolutions of one pixel, such as the gates of squeeze-and-excitation, stay floating-point, because a pair costs
    more than it gains. Everything is int8 with zero point 0; weights have one scale per output channel, biases stay
    floating-point.

    Args:
        network: The network in fp32.
        calibration: `n x channels x height x width`, `n` a multiple of the network's batch.

    Raises:
        NotInstalledError: ONNX Runtime, which computes the ranges, is not installed.
        UsageError: ONNX Runtime cannot run the network, or its operator set is too old.
    """
    graph = QdqGraph(folded(network))
    origins = graph.into_weights()
    ranges = ranges_of(set(origins.values()), graph.model, network, calibration)
    graph.insert_pairs(origins, ranges, symmetric=True, greatest_weight=127)
    return graph.model
