from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from tiernas.engines.calibration import calibration_images
from tiernas.engines.fingerprint import cpu_flags
from tiernas.engines.onnx_file import OnnxNetwork, read_network
from tiernas.engines.onnxruntime.gelu import fuse_gelu
from tiernas.engines.onnxruntime.int8 import quantize as quantize_for_onnxruntime
from tiernas.engines.onnxruntime.quantizer import saturates
from tiernas.engines.tensorrt.int8 import quantize as quantize_for_tensorrt
from tiernas.errors import NotInstalledError, UsageError
from tiernas.networks import build, export_onnx, write_onnx
from tiernas.testing.engines import ARCHITECTURE

_Array = npt.NDArray[Any]
_CHANNELS, _SIZE = 4, 6


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> OnnxNetwork:
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        export_onnx(build(ARCHITECTURE, 4), path)
    return read_network(path, 1)


def _network(path: Path, nodes: list[onnx.NodeProto], weights: dict[str, _Array], opset: int = 17) -> OnnxNetwork:
    """A network from `images` to `logits`."""
    shape = (1, _CHANNELS, _SIZE, _SIZE)
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None] * 4)
    tensors = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    graph = helper.make_graph(nodes, "graph", [images], [logits], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return read_network(path, 1)


def _one_convolution(path: Path, weight: _Array, bias: _Array, opset: int = 17) -> OnnxNetwork:
    nodes = [
        helper.make_node("Conv", ["images", "w", "b"], ["features"], "conv"),
        helper.make_node("GlobalAveragePool", ["features"], ["logits"], "pool"),
    ]
    return _network(path, nodes, {"w": weight, "b": bias}, opset)


def _noise(network: OnnxNetwork) -> _Array:
    return calibration_images(None, network.input_shape)


def _run(model: onnx.ModelProto, images: _Array) -> _Array:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"images": images})[0])


def _constants(model: onnx.ModelProto) -> dict[str, _Array]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def test_onnxruntime_runs_everything_between_images_and_logits_in_int8(tiny: OnnxNetwork, tmp_path: Path) -> None:
    model = quantize_for_onnxruntime(tiny, _noise(tiny))
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kernels = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    convolutions = sum(node.op_type == "Conv" for node in tiny.model.graph.node)
    assert kernels["QLinearConv"] == convolutions
    assert kernels["QGemm"] == 1
    assert kernels["QuantizeLinear"] == 1
    assert kernels.keys().isdisjoint({"Conv", "Gemm", "Add", "Mul", "Sigmoid", "ReduceMean", "DequantizeLinear"})


def test_nodes_keep_their_names(tiny: OnnxNetwork) -> None:
    before = {node.name for node in tiny.model.graph.node if node.op_type != "Identity"}
    for quantize in (quantize_for_onnxruntime, quantize_for_tensorrt):
        assert before <= {node.name for node in quantize(tiny, _noise(tiny)).graph.node}


def test_network_given_is_not_changed(tiny: OnnxNetwork) -> None:
    before = tiny.model.SerializeToString(deterministic=True)
    quantize_for_tensorrt(tiny, _noise(tiny))
    assert tiny.model.SerializeToString(deterministic=True) == before


def test_tensorrt_has_pairs_at_the_inputs_of_convolutions_alone(tiny: OnnxNetwork) -> None:
    model = quantize_for_tensorrt(tiny, _noise(tiny))
    onnx.checker.check_model(model, full_check=True)
    constants, producers = _constants(model), _producers(model)
    for node in model.graph.node:
        sources = [producers[name].op_type for name in node.input if name in producers]
        match node.op_type:
            case "QuantizeLinear" | "DequantizeLinear":
                zero = constants[node.input[2]]
                assert zero.dtype == np.int8
                assert not zero.any()
            case "Conv" if "/reduce/" in node.name or "/expand/" in node.name:
                assert "DequantizeLinear" not in sources
            case "Conv" | "Gemm":
                assert sources == ["DequantizeLinear"] * 2
            case "Add":
                assert "DequantizeLinear" in sources
            case _:
                assert "DequantizeLinear" not in sources


def test_tensorrt_sum_of_two_convolutions_has_one_input_quantized(tmp_path: Path) -> None:
    weight = np.eye(_CHANNELS, dtype=np.float32).reshape(_CHANNELS, _CHANNELS, 1, 1)
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["body"], "body"),
        helper.make_node("Conv", ["images", "v"], ["shortcut"], "shortcut"),
        helper.make_node("Add", ["body", "shortcut"], ["logits"], "sum"),
    ]
    network = _network(tmp_path / "sum.onnx", nodes, {"w": weight, "v": 2 * weight})
    model = quantize_for_tensorrt(network, _noise(network))
    total = next(node for node in model.graph.node if node.name == "sum")
    assert [_producers(model)[name].op_type for name in total.input] == ["Conv", "DequantizeLinear"]


@pytest.mark.parametrize(("reduce_range", "greatest"), [(False, 127), (True, 63)])
def test_weights_have_one_scale_per_channel(tmp_path: Path, reduce_range: bool, greatest: int) -> None:
    weight = np.zeros((2, _CHANNELS, 1, 1), dtype=np.float32)
    weight[:, 0, 0, 0] = 1, -100
    weight[:, 1, 0, 0] = 0.3, 25
    network = _one_convolution(tmp_path / "conv.onnx", weight, np.zeros(2, np.float32))
    constants = _constants(quantize_for_onnxruntime(network, _noise(network), reduce_range=reduce_range))
    np.testing.assert_allclose(constants["conv/weight/scale"], np.array([1, 100]) / greatest, rtol=1e-6)
    expected = [[greatest, round(0.3 * greatest)], [-greatest, round(0.25 * greatest)]]
    np.testing.assert_array_equal(constants["conv/weight/quantized"][:, :2, 0, 0], expected)


def test_range_is_the_mean_over_images(tmp_path: Path) -> None:
    network = _one_convolution(
        tmp_path / "conv.onnx", np.ones((1, _CHANNELS, 1, 1), np.float32), np.zeros(1, np.float32)
    )
    images = np.zeros((2, *network.input_shape[1:]), dtype=np.float32)
    images[:, 0, 0, 0] = 1, 3  # greatest values; the mean is 2
    images[:, 0, 0, 1] = -0.2, -0.6  # least values; the mean is -0.4
    constants = _constants(quantize_for_onnxruntime(network, images))
    assert float(constants["images/scale"]) == pytest.approx(2.4 / 255)
    assert int(constants["images/zero"]) == round(0.4 / (2.4 / 255))
    constants = _constants(quantize_for_tensorrt(network, images))
    assert float(constants["images/scale"]) == pytest.approx(2 / 127)


def test_dead_channel_with_a_bias_keeps_it(tmp_path: Path) -> None:
    weight = np.ones((3, _CHANNELS, 1, 1), dtype=np.float32)
    weight[1], weight[2] = 0, 1e-30  # the bias in steps of so small a scale would not fit into int32
    bias = np.array([0.5, 0.25, 2], dtype=np.float32)
    network = _one_convolution(tmp_path / "dead.onnx", weight, bias)
    images = _noise(network)
    expected = _run(network.model, images)
    reduce_range = saturates(cpu_flags())  # as the engine does on this CPU
    quantized = quantize_for_onnxruntime(network, images, reduce_range=reduce_range)
    np.testing.assert_allclose(_run(quantized, images), expected, atol=0.05)
    np.testing.assert_allclose(_run(quantize_for_tensorrt(network, images), images), expected, atol=0.05)


def test_batch_normalisation_is_folded(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((_CHANNELS, _CHANNELS, 1, 1), dtype=np.float32)
    weights = {name: rng.random(_CHANNELS, dtype=np.float32) + 0.5 for name in ("gain", "shift", "mean", "variance")}
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["features"], "conv"),
        helper.make_node("BatchNormalization", ["features", *weights], ["normal"], "norm"),
        helper.make_node("GlobalAveragePool", ["normal"], ["logits"], "pool"),
    ]
    network = _network(tmp_path / "norm.onnx", nodes, {"w": weight, **weights})
    model = quantize_for_tensorrt(network, _noise(network))
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("opset", [17, 18])
def test_mean_over_pixels_becomes_pooling(tmp_path: Path, opset: int) -> None:
    weight = np.eye(_CHANNELS, dtype=np.float32).reshape(_CHANNELS, _CHANNELS, 1, 1)
    axes = np.array([2, 3], dtype=np.int64)
    mean = (
        helper.make_node("ReduceMean", ["features"], ["logits"], "mean", axes=[2, 3], keepdims=1)
        if opset < 18
        else helper.make_node("ReduceMean", ["features", "axes"], ["logits"], "mean", keepdims=1)
    )
    nodes = [helper.make_node("Conv", ["images", "w"], ["features"], "conv"), mean]
    weights: dict[str, _Array] = {"w": weight} if opset < 18 else {"w": weight, "axes": axes}
    network = _network(tmp_path / "mean.onnx", nodes, weights, opset)
    model = quantize_for_onnxruntime(network, _noise(network))
    assert next(node for node in model.graph.node if node.name == "mean").op_type == "GlobalAveragePool"
    np.testing.assert_allclose(_run(model, _noise(network)), _run(network.model, _noise(network)), atol=0.05)


def test_operator_set_without_scales_per_channel_is_refused(tmp_path: Path) -> None:
    weight = np.ones((1, _CHANNELS, 1, 1), dtype=np.float32)
    network = _one_convolution(tmp_path / "old.onnx", weight, np.zeros(1, np.float32), opset=12)
    with pytest.raises(UsageError, match=r"old\.onnx.*operator set 12.*13.*opset_version"):
        quantize_for_tensorrt(network, _noise(network))


def test_missing_runtime_tells_the_command(tiny: OnnxNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tiernas.engines.onnxruntime.session", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(NotInstalledError, match=r"pip install .*\[onnxruntime\]"):
        quantize_for_tensorrt(tiny, _noise(tiny))


def test_gelu_is_one_float_node_between_int8_kernels(tmp_path: Path) -> None:
    torch.manual_seed(0)
    convolutions = [torch.nn.Conv2d(4, 4, 1) for _ in range(3)]
    first, second, third = convolutions
    made = torch.nn.Sequential(first, torch.nn.GELU(), second, torch.nn.GELU(), third, torch.nn.AdaptiveAvgPool2d(1))
    write_onnx(made, tmp_path / "gelu.onnx", (1, 4, 6, 6))
    network = read_network(tmp_path / "gelu.onnx", 1)
    model = quantize_for_onnxruntime(network, _noise(network))
    kinds = Counter(node.op_type for node in model.graph.node)
    assert (kinds["Gelu"], kinds["Erf"], kinds["Div"], kinds["Mul"]) == (2, 0, 0, 0)
    images = _noise(network)[:1]
    with torch.no_grad():
        expected = made(torch.from_numpy(images)).numpy()
    assert np.abs(_run(model, images) - expected).max() < 0.05 * np.abs(expected).max()
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kernels = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert kernels["QLinearConv"] == 3


def test_what_only_looks_like_gelu_stays(tmp_path: Path) -> None:
    """`x * (1 + erf(x / 2)) * 0.5` is another function."""
    nodes = [
        helper.make_node("Div", ["images", "two"], ["divided"], "div"),
        helper.make_node("Erf", ["divided"], ["erf"], "erf"),
        helper.make_node("Add", ["erf", "one"], ["added"], "add"),
        helper.make_node("Mul", ["images", "added"], ["product"], "mul"),
        helper.make_node("Mul", ["product", "half"], ["logits"], "half"),
    ]
    constants = {"two": 2.0, "one": 1.0, "half": 0.5}
    network = _network(tmp_path / "odd.onnx", nodes, {k: np.array(v, np.float32) for k, v in constants.items()})
    model = onnx.ModelProto()
    model.CopyFrom(network.model)
    fuse_gelu(model)
    assert [node.op_type for node in model.graph.node] == ["Div", "Erf", "Add", "Mul", "Mul"]
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array(2**0.5, np.float32), "two"))
    fuse_gelu(model)
    assert [node.op_type for node in model.graph.node] == ["Gelu"]
    assert model.graph.node[0].output == ["logits"]
