"""int8 networks for ONNX Runtime: pairs of QuantizeLinear and DequantizeLinear where its kernels support int8.

ONNX Runtime's own `quantize_static` is five times slower for networks of the size of those in a latency table (it
iterates over the channels in Python), and leaves the squeeze of squeeze-and-excitation in fp32.
"""

from __future__ import annotations

import onnx

from tiernas.engines.calibration import FloatArray
from tiernas.engines.onnx_file import OnnxNetwork
from tiernas.engines.onnxruntime.folding import folded
from tiernas.engines.onnxruntime.gelu import fuse_gelu
from tiernas.engines.onnxruntime.qdq import QdqGraph
from tiernas.engines.onnxruntime.ranges import ranges_of


def quantize(network: OnnxNetwork, calibration: FloatArray, *, reduce_range: bool = False) -> onnx.ModelProto:
    """Quantizes a network to int8 for ONNX Runtime's CPU provider.

    Its kernels have int8 inputs and outputs, so everything between two of them is quantized: inputs and outputs of
    convolutions, both inputs of sums, swish, and squeeze-and-excitation with its gate. Activations are uint8 with a
    zero point, weights int8 per output channel, biases int32. The logits stay fp32, and so do GELU, softmax and layer
    normalization, which have no int8 kernel.

    Args:
        network: The network in fp32.
        calibration: `n x channels x height x width`, `n` a multiple of the network's batch.
        reduce_range: Use 7-bit weights, for CPUs for which `saturates` is true.

    Raises:
        NotInstalledError: ONNX Runtime, which computes the ranges, is not installed.
        UsageError: ONNX Runtime cannot run the network, or its operator set is too old.
    """
    model = folded(network)
    fuse_gelu(model)
    graph = QdqGraph(model)
    origins = graph.between_int8_kernels()
    ranges = ranges_of(set(origins.values()), graph.model, network, calibration)
    graph.insert_pairs(origins, ranges, symmetric=False, greatest_weight=63 if reduce_range else 127)
    return graph.model
