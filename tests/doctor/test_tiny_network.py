from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from tiernas.doctor.tiny_network import NUM_CLASSES, write_tiny_network
from tiernas.engines import get_engine
from tiernas.engines.onnx_file import read_network


def test_the_network_is_one_that_engines_take(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    write_tiny_network(path)
    network = read_network(path, 1)
    assert network.input_shape == (1, 3, 32, 32)
    kinds = {node.op_type for node in network.model.graph.node}
    assert kinds == {"Add", "Conv", "Flatten", "Gemm", "GlobalAveragePool", "Mul", "Relu", "Sigmoid"}


def test_an_engine_computes_what_onnx_says(tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    write_tiny_network(path)
    images = np.random.default_rng(1).standard_normal((1, 3, 32, 32), dtype=np.float32)
    evaluator: Any = ReferenceEvaluator(onnx.load(path))
    (expected,) = evaluator.run(None, {"images": images})
    with get_engine("onnxruntime").compile(path) as network:
        logits = network.run(images)
    assert logits.shape == (1, NUM_CLASSES)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert logits.std() > 1e-3
