"""Graphs that look like what engines replace by something faster, and are something else: logits as ONNX Runtime's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from tiernas.engines.fingerprint import cpu_flags
from tiernas.engines.onnx_file import OnnxNetwork, read_network
from tiernas.engines.onnxruntime.int8 import quantize as quantize_for_onnxruntime
from tiernas.engines.onnxruntime.quantizer import saturates
from tiernas.engines.tensorrt.int8 import quantize as quantize_for_tensorrt
from tiernas.engines.torch import TorchEngine, to_module

_Array = npt.NDArray[Any]
_SHAPE = (2, 4, 6, 6)
_RNG = np.random.default_rng(0)
_IMAGES = _RNG.standard_normal(_SHAPE, dtype=np.float32)
"""What is inferred and calibrated with, so that nothing saturates."""
_WEIGHT = _RNG.standard_normal((4, 4, 3, 3), dtype=np.float32)
_MATRIX = _RNG.standard_normal((6, 5), dtype=np.float32)
_node = helper.make_node


def _network(
    path: Path, nodes: Sequence[onnx.NodeProto], constants: dict[str, _Array], *, opset: int = 17, rank: int = 4
) -> OnnxNetwork:
    """A network from `images` to `logits`, which have so many axes."""
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, _SHAPE)
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None] * rank)
    tensors = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    graph = helper.make_graph(nodes, "graph", [images], [logits], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return read_network(path, _SHAPE[0])


def _logits(model: onnx.ModelProto) -> _Array:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"images": _IMAGES})[0])


def _int8(network: OnnxNetwork) -> list[_Array]:
    """Logits of the network quantised for each runtime, as ONNX Runtime computes them."""
    reduced = quantize_for_onnxruntime(network, _IMAGES, reduce_range=saturates(cpu_flags()))
    return [_logits(model) for model in (reduced, quantize_for_tensorrt(network, _IMAGES))]


def _require_torch_equal(network: OnnxNetwork) -> None:
    """Torch computes what ONNX Runtime does."""
    with TorchEngine(batch=_SHAPE[0]).compile(network.path) as compiled:
        np.testing.assert_allclose(compiled.run(_IMAGES), _logits(network.model), rtol=1e-4, atol=1e-4)


def _require_equal(network: OnnxNetwork, *, int8_tolerance: float = 0.08) -> None:
    """Torch computes what ONNX Runtime does, and so do the int8 networks but for rounding."""
    _require_torch_equal(network)
    expected = _logits(network.model)
    for found in _int8(network):
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= int8_tolerance * np.abs(expected).max()


@pytest.mark.parametrize("operator", ["Add", "Sub", "Div", "Mul"])
@pytest.mark.parametrize("gate_first", [False, True])
def test_only_a_product_with_its_own_gate_is_swish(tmp_path: Path, operator: str, gate_first: bool) -> None:
    operands = ["gate", "x"] if gate_first else ["x", "gate"]
    nodes = [
        _node("Conv", ["images", "w"], ["x"], "conv", pads=[1] * 4),
        _node("Sigmoid", ["x"], ["gate"], "gate"),
        _node(operator, operands, ["logits"], "both"),
    ]
    network = _network(tmp_path / "gate.onnx", nodes, {"w": _WEIGHT / 6})
    module, _ = to_module(network)
    assert any(isinstance(part, nn.SiLU) for part in module.modules()) == (operator == "Mul")
    if operator == "Div":  # a gate near 0 rounds to 0 in int8
        _require_torch_equal(network)
    else:
        _require_equal(network)


def test_gates_of_something_else_or_with_other_consumers_stay(tmp_path: Path) -> None:
    nodes = [
        _node("Sigmoid", ["images"], ["gate"], "gate"),
        _node("Relu", ["images"], ["x"], "relu"),
        _node("Mul", ["x", "gate"], ["other"], "other"),
        _node("Mul", ["images", "gate"], ["own"], "own"),
        _node("Mul", ["gate", "gate"], ["square"], "square"),
        _node("Sigmoid", ["x"], ["gate of x"], "gate of x"),
        _node("Mul", ["images", "gate of x"], ["crossed"], "crossed"),
        _node("Sum", ["other", "own", "square", "crossed"], ["logits"], "sum"),
    ]
    network = _network(tmp_path / "gates.onnx", nodes, {})
    module, _ = to_module(network)
    assert not any(isinstance(part, nn.SiLU) for part in module.modules())
    _require_equal(network)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [([2, 3], (2, 2, 2, 6, 6)), ([-1, -2], (2, 4, 36)), ([-1, -2], (2, 2, 2, 6, 6)), ([1, 2], (2, 4, 6, 6))],
)
def test_mean_over_other_axes_than_those_of_pixels_is_no_pooling(
    tmp_path: Path, axes: list[int], shape: tuple[int, ...]
) -> None:
    nodes = [
        _node("Conv", ["images", "w"], ["x"], "conv", pads=[1] * 4),
        _node("Reshape", ["x", "shape"], ["reshaped"], "reshape"),
        _node("ReduceMean", ["reshaped"], ["logits"], "mean", axes=axes, keepdims=1),
    ]
    constants: dict[str, _Array] = {"w": _WEIGHT, "shape": np.array(shape, dtype=np.int64)}
    network = _network(tmp_path / "mean.onnx", nodes, constants, rank=len(shape))
    expected = _logits(network.model)
    for found in _int8(network):
        np.testing.assert_allclose(found, expected, atol=0.1 * np.abs(expected).max())


@pytest.mark.parametrize("bias", [(5,), (1, 5), (2, 1), (2, 5), (1,), ()])
@pytest.mark.parametrize("options", [{}, {"transB": 1}, {"alpha": 0.5, "beta": 2.0}])
def test_biases_of_every_shape(tmp_path: Path, bias: tuple[int, ...], options: dict[str, Any]) -> None:
    nodes = [
        _node("Conv", ["images", "w"], ["x"], "conv", pads=[1] * 4),
        _node("GlobalAveragePool", ["x"], ["pooled"], "pool"),
        _node("Flatten", ["pooled"], ["flat"], "flatten"),
        _node("Gemm", ["flat", "m", "b"], ["logits"], "gemm", **options),
    ]
    matrix = _MATRIX[:4].T if "transB" in options else _MATRIX[:4]
    constants = {"w": _WEIGHT, "m": np.ascontiguousarray(matrix), "b": _RNG.standard_normal(bias).astype(np.float32)}
    _require_equal(_network(tmp_path / "gemm.onnx", nodes, constants, rank=2))


@pytest.mark.parametrize("order", ["matrix second", "matrix first", "vector"])
def test_products_with_constants_on_either_side(tmp_path: Path, order: str) -> None:
    operands, constant = {
        "matrix second": (["x", "m"], _MATRIX),
        "matrix first": (["m", "x"], _MATRIX.T.copy()),
        "vector": (["x", "m"], _MATRIX[:, 0].copy()),
    }[order]
    nodes = [
        _node("Conv", ["images", "w"], ["x"], "conv", pads=[1] * 4),
        _node("MatMul", operands, ["logits"], "product"),
    ]
    rank = 3 if order == "vector" else 4
    _require_equal(_network(tmp_path / "product.onnx", nodes, {"w": _WEIGHT, "m": constant}, rank=rank))


_UNARY: dict[str, Callable[[str, str, str], onnx.NodeProto]] = {
    name: lambda x, y, label, name=name: _node(name, [x], [y], label)  # type: ignore[misc]
    for name in ("Relu", "Sigmoid", "LeakyRelu", "Identity", "Tanh", "Neg")
}
_UNARY["Conv"] = lambda x, y, label: _node("Conv", [x, "w"], [y], label, pads=[1] * 4)
_UNARY["Clip"] = lambda x, y, label: _node("Clip", [x, "low", "high"], [y], label)
_UNARY["MaxPool"] = lambda x, y, label: _node("MaxPool", [x], [y], label, kernel_shape=[3, 3], pads=[1] * 4)
_BINARY = ("Add", "Sub", "Mul", "Max")
_CONSTANTS: dict[str, _Array] = {"w": _WEIGHT / 6, "low": np.array(-0.5, np.float32), "high": np.array(0.8, np.float32)}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_graphs(tmp_path: Path, data: st.DataObject) -> None:
    tensors, nodes = ["images"], []
    for i in range(data.draw(st.integers(2, 7))):
        kind = data.draw(st.sampled_from([*_UNARY, *_BINARY * 2]))
        x = data.draw(st.sampled_from(tensors))
        if kind in _UNARY:
            nodes.append(_UNARY[kind](x, f"t{i}", f"{kind}{i}"))
        else:
            other = data.draw(st.sampled_from(tensors))
            nodes.append(_node(kind, [x, other], [f"t{i}"], f"{kind}{i}"))
        tensors.append(f"t{i}")
    unread = [name for name in tensors if all(name not in node.input for node in nodes)]
    nodes.append(_node("Sum", unread, ["logits"], "sum"))
    network = _network(tmp_path / "random.onnx", nodes, _CONSTANTS)
    _require_equal(network, int8_tolerance=0.25)
