"""Untrained networks are measured with all of their weights."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from tiernas.engines import get_engine
from tiernas.errors import NotInstalledError
from tiernas.networks import build, export_untrained, vary_constants
from tiernas.networks.timm_models import build_timm, export_timm
from tiernas.spaces import Architecture, get_space
from tiernas.testing.engines import ARCHITECTURE, MOBILE

TOKENS = get_space("vit-small").decode(get_space("vit-small").sample(1, 3)[0])


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """timm's new ResNet-18, whose residual branches end with a scale of 0, and the MB of its convolutions."""
    pytest.importorskip("timm")
    network = build_timm("resnet18", 1000, 32)
    path = tmp_path_factory.mktemp("resnet") / "resnet18.onnx"
    export_timm(network, path)
    return path, sum(4e-6 * tensor.numel() for tensor in network.module.parameters() if tensor.ndim > 1)


@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "ncnn", "torch"])
def test_all_weights_are_in_the_file_of_every_engine(name: str, resnet: tuple[Path, float], tmp_path: Path) -> None:
    path, weights_mb = resnet
    assert weights_mb == pytest.approx(46.7, abs=0.1)
    try:
        engine = get_engine(name)
    except NotInstalledError as error:
        pytest.skip(str(error))
    with engine.compile(path) as network:
        files = network.save(tmp_path).files
    assert sum((tmp_path / file).stat().st_size for file in files) > 1e6 * weights_mb


@pytest.mark.parametrize("architecture", [ARCHITECTURE, MOBILE, TOKENS], ids=["gpunet", "mobile", "vit-small"])
def test_no_tensor_of_a_file_is_constant_or_stored_for_another(architecture: Architecture, tmp_path: Path) -> None:
    export_untrained(architecture, 4, tmp_path / "net.onnx")
    graph = onnx.load(tmp_path / "net.onnx").graph
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer]
    learned = [each for each in weights if each.dtype == "float32" and each.size > 1]
    assert learned
    assert all(each.min() < each.max() for each in learned)
    shared = {tensor.name for tensor in graph.initializer}
    assert not [node for node in graph.node if node.op_type == "Identity" and node.input[0] in shared]


def test_values_are_the_same_every_time_and_outputs_stay_finite() -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        network = build(get_space("gpunet").decode(get_space("gpunet").sample(1, 5)[0]).resized(64), 10).eval()
        vary_constants(network)
        with torch.no_grad():
            found.append(network(torch.ones(1, 3, 64, 64)))
    assert torch.equal(*found)
    assert found[0].abs().max() < 6e4  # the largest number of fp16


def test_what_was_initialized_at_random_stays() -> None:
    convolution, normalization = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
    before = {name: tensor.clone() for name, tensor in convolution.state_dict().items()}
    vary_constants(nn.Sequential(convolution, normalization))
    assert all(torch.equal(tensor, before[name]) for name, tensor in convolution.state_dict().items())
    variance = normalization.running_var
    assert variance is not None
    assert variance.min() > 0
    assert variance.std() > 0
    assert normalization.weight.std() > 0
