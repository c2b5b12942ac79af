"""Ranges of activations over calibration images."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import helper

from tiernas.engines.calibration import FloatArray
from tiernas.engines.onnx_file import OnnxNetwork


def ranges_of(
    tensors: Iterable[str], model: onnx.ModelProto, network: OnnxNetwork, calibration: FloatArray
) -> dict[str, tuple[float, float]]:
    """Minimum and maximum of tensors, averaged over batches.

    NNCF uses the mean for activations, too: outliers of a single image saturate instead of making the steps of all
    images coarser.

    Args:
        tensors: Names of tensors of the model.
        model: The network, folded.
        network: The network as read from the file.
        calibration: `n x channels x height x width`, `n` a multiple of the network's batch.

    Raises:
        NotInstalledError: ONNX Runtime is not installed.
    """
    from tiernas.engines.onnxruntime.session import open_session

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
