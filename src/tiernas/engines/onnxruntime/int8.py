"""Networks in int8 for ONNX Runtime: pairs of QuantizeLinear and DequantizeLinear where its kernels take int8.

ONNX Runtime's own `quantize_static` quantises networks of the size that a latency table is built from five times as
slowly (it walks over the channels in Python), and leaves the squeeze of squeeze-excitation in fp32.
"""

from __future__ import annotations

import onnx

from tiernas.engines.calibration import FloatArray
from tiernas.engines.fingerprint import cpu_flags
from tiernas.engines.onnx_file import OnnxNetwork
from tiernas.engines.onnxruntime.folding import folded
from tiernas.engines.onnxruntime.gelu import fuse_gelu
from tiernas.engines.onnxruntime.qdq import QdqGraph
from tiernas.engines.onnxruntime.ranges import ranges_of


def quantize(network: OnnxNetwork, calibration: FloatArray, *, reduce_range: bool = False) -> onnx.ModelProto:
    """A network as int8 for ONNX Runtime's CPU provider.

    Its kernels take and give int8, so everything between two of them is quantised: inputs and outputs of
    convolutions, both inputs of sums, swish, and squeeze-excitation with its gate. Activations are uint8 with a zero
    point, weights int8 per output channel, biases int32; the logits stay fp32, and so do GELU, softmax and layer
    normalisation, which have no int8 kernel.

    Args:
        network: The network in fp32.
        calibration: `n x channels x height x width`, `n` a multiple of the network's batch.
        reduce_range: Weights of 7 bits, for CPUs that `saturates` is true of.

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


def saturates() -> bool:
    """Whether this CPU adds pairs of 8-bit products in 16 bits, which saturate: x86 without VNNI."""
    flags = cpu_flags()
    return "avx2" in flags and not any("vnni" in flag for flag in flags)
